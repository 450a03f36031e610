"""IAM policies of the resources that the gRPC side serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from leitstand.sandbox.errors import not_found
from leitstand.sandbox.rest.collection import Call, Collection, Custom

__all__ = ["RepositoryPolicies", "RunJobPolicies", "RunServicePolicies", "SecretPolicies"]


class _GrpcPolicies(Collection):
    """Serves the methods for IAM only; the bridge has the others.

    Attributes:
        stored_in: The store's table of the resources.
    """

    stored_in: ClassVar[str]

    def custom(self) -> Mapping[str, Custom]:
        """The three methods for IAM."""
        return self.park.policies.methods(self._existing)

    def _existing(self, call: Call) -> str:
        if not self.park.stored(self.stored_in, call.name):
            raise not_found(call.name)
        return call.name


class SecretPolicies(_GrpcPolicies):
    """Who may read and manage a secret."""

    api = "secretmanager"
    path = "projects.secrets"
    full_name = "projects/{project}/secrets/{secret}"
    stored_in = "secrets"


class RunServicePolicies(_GrpcPolicies):
    """Who may invoke a Cloud Run service."""

    api = "run"
    path = "projects.locations.services"
    full_name = "projects/{project}/locations/{location}/services/{service}"
    stored_in = "services"


class RunJobPolicies(_GrpcPolicies):
    """Who may run a Cloud Run job."""

    api = "run"
    path = "projects.locations.jobs"
    full_name = "projects/{project}/locations/{location}/jobs/{job}"
    stored_in = "jobs"


class RepositoryPolicies(_GrpcPolicies):
    """Who may push to and pull from a repository of Artifact Registry."""

    api = "artifactregistry"
    path = "projects.locations.repositories"
    full_name = "projects/{project}/locations/{location}/repositories/{repository}"
    stored_in = "repositories"
