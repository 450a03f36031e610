"""Looks up what the resources of the gRPC side name, and refuses what is not there as Google does.

The messages are those of the APIs, as their users report them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.references import References, Template
from leitstand.sandbox.rest.park import ACCOUNT, Park
from leitstand.sandbox.rest.run_networks import interfaces, named
from leitstand.sandbox.rest.servicenetworking import API, has_ranges, is_connected
from leitstand.sandbox.rest.serviceusage import require_enabled
from leitstand.sandbox.secret_rules import missing
from leitstand.sandbox.sql.errors import invalid_request

__all__ = ["FoundReferences"]

# Roles with secretmanager.versions.access, and with pubsub.topics.publish.
READERS = ("roles/secretmanager.secretAccessor", "roles/secretmanager.admin", "roles/owner")
PUBLISHERS = ("roles/pubsub.publisher", "roles/pubsub.editor", "roles/pubsub.admin")
EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})


class FoundReferences(References):
    """The checks of a sandbox whose project began empty.

    Args:
        park: Has the resources and their policies.
    """

    def __init__(self, park: Park) -> None:
        self._park = park

    def check_network(self, project: str, instance: str, network: str) -> None:
        """The reasons are those of Service Networking's `ValidateConsumerConfigResponse`."""
        if not network:
            return
        why = self._unconnected(project, self._park.full_name(network))
        if why:
            raise invalid_request(
                f"Incorrect Service Networking config for instance: {project}:{instance}:{why}."
            )

    def check_account(self, parent: str, account: str) -> None:
        """An account must exist and be enabled; Google does not tell which is not so."""
        account = account or self._default_account(parent)
        if account == self._default_account(parent):
            return
        match = ACCOUNT.fullmatch(f"serviceAccount:{account}")
        name = f"projects/{match['project']}/serviceAccounts/{account}" if match else ""
        body = self._park.table("iam", "projects.serviceAccounts").get(name)
        if body is None or body.get("disabled"):
            raise ApiError(
                grpc.StatusCode.PERMISSION_DENIED,
                f"Permission 'iam.serviceaccounts.actAs' denied on service account {account} "
                "(or it may not exist).",
                "IAM_PERMISSION_DENIED",
                {"permission": "iam.serviceaccounts.actAs"},
            )

    def check_template(self, parent: str, template: Template) -> None:
        """Network first, then all secrets at once."""
        self._check_connector(parent, template.vpc_access.connector)
        for interface in interfaces(self._park, parent, template.vpc_access):
            self._check_interface(*interface)
        account = template.service_account or self._default_account(parent)
        denied = [
            f"{where}: Permission denied on secret: {self._shown(parent, secret)}/versions/"
            f"{version or 'latest'} for Revision service account {account}. The service account "
            "used must be granted the 'Secret Manager Secret Accessor' role "
            "(roles/secretmanager.secretAccessor) at the secret, project or higher level."
            for where, secret, version in _secrets(template)
            if self._denied(named(parent, "secrets", secret), account)
        ]
        if denied:
            raise ApiError(
                grpc.StatusCode.INTERNAL, "\n".join(denied), "SECRETS_ACCESS_CHECK_FAILED"
            )

    def check_topics(self, project: str, topics: Iterable[str]) -> None:
        """Secret Manager publishes once before it takes a topic."""
        number = self._park.number_of(project)
        agent = f"service-{number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
        for topic in topics:
            if self._park.find(topic, "pubsub") is None:
                raise missing(f"Topic [{topic}] not found.")
            if not self._holds(agent, PUBLISHERS, self._park.full_name(topic)):
                raise ApiError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"Permission 'pubsub.topics.publish' denied for {agent} for pubsub topic: "
                    f"{topic} or the topic doesn't exist. Grant the 'pubsub.topic.publish' "
                    f"permission (or 'roles/pubsub.publisher') on this topic to {agent}.",
                    "FAILED_PRECONDITION",
                )

    def _unconnected(self, project: str, network: str) -> str:
        try:
            require_enabled(self._park, API, project)
        except ApiError:
            return "SERVICE_NETWORKING_NOT_ENABLED"
        if self._park.find(network, "compute") is None:
            return "NETWORK_NOT_FOUND"
        if not is_connected(self._park, network):
            return "NETWORK_NOT_PEERED"
        return "" if has_ranges(self._park, network) else "RANGES_DELETED_LATER"

    def _check_connector(self, parent: str, connector: str) -> None:
        if not connector:
            return
        name = named(parent, "connectors", connector)
        body = self._park.table("vpcaccess", "projects.locations.connectors").get(name)
        if body is None:
            raise _no_network(
                f"VPC connector {name} does not exist, or Cloud Run does not have permission to "
                "use it."
            )
        if body["state"] != "READY":
            raise _no_network(f"VPC connector {name} is not ready: its state is {body['state']}.")

    def _check_interface(self, network: str, subnetwork: str) -> None:
        found = self._park.table("compute", "subnetworks").get(subnetwork)
        if network and self._park.find(network, "compute") is None:
            raise _no_network(f"VPC network {network} was not found.")
        if found is None:
            raise _no_network(f"VPC subnetwork {subnetwork} was not found.")
        if network and self._park.full_name(found["network"]) != network:
            raise _no_network(f"VPC subnetwork {subnetwork} does not belong to {network}.")

    def _denied(self, secret: str, account: str) -> bool:
        there = self._park.stored("secrets", self._park.full_name(secret))
        return there and not self._holds(account, READERS, self._park.full_name(secret))

    def _holds(self, account: str, roles: Iterable[str], resource: str) -> bool:
        """Whether an account has one of the roles on a resource or its project."""
        wanted = {f"serviceAccount:{account}", *EVERYBODY}
        places = (resource, "/".join(resource.split("/")[:2]))
        held = (self._park.policies.members(place, role) for place in places for role in roles)
        return any(wanted & members for members in held)

    def _default_account(self, parent: str) -> str:
        """Compute Engine's own, which exists in every project that has that API."""
        number = self._park.number_of(parent.split("/")[1])
        return f"{number}-compute@developer.gserviceaccount.com"

    def _shown(self, parent: str, secret: str) -> str:
        if secret.startswith("projects/"):
            return secret
        return f"projects/{self._park.number_of(parent.split('/')[1])}/secrets/{secret}"


def _secrets(template: Template) -> Iterator[tuple[str, str, str]]:
    """Where a template names secrets, each with the version; in the words of the v1 API."""
    for index, container in enumerate(template.containers):
        for place, variable in enumerate(container.env):
            reference = variable.value_source.secret_key_ref
            if reference.secret:
                where = f"containers[{index}].env[{place}].value_from.secret_key_ref.name"
                yield f"spec.template.spec.{where}", reference.secret, reference.version
    for index, volume in enumerate(template.volumes):
        for place, item in enumerate(volume.secret.items):
            where = f"volumes[{index}].secret.items[{place}].key"
            yield f"spec.template.spec.{where}", volume.secret.secret, item.version


def _no_network(message: str) -> ApiError:
    return ApiError(grpc.StatusCode.INTERNAL, message, "VPC_NETWORK_NOT_FOUND")
