"""What the gRPC side asks before it takes a resource that names others: are they there?

In a sandbox that is provisioned from empty they must be, as at Google. A seeded one holds services
and databases without what would be around them; there nothing is ever missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from google.cloud import run_v2

from leitstand.sandbox.store import Store

__all__ = ["UNCHECKED", "References", "Template", "references_of"]

Template = run_v2.RevisionTemplate | run_v2.Revision | run_v2.TaskTemplate


class References:
    """Finds nothing missing; `rest.found.FoundReferences` looks."""

    def check_network(self, project: str, instance: str, network: str) -> None:
        """Refuse a private network in which a Cloud SQL instance cannot get an address.

        Args:
            project: Of the instance.
            instance: Its name.
            network: In any form that the API takes; "" is none.

        Raises:
            ApiError: INVALID_ARGUMENT.
        """

    def check_account(self, parent: str, account: str) -> None:
        """Refuse a service account as which Cloud Run cannot run anything.

        Args:
            parent: `projects/P/locations/L` of the service or job.
            account: Its address; "" is the project's default.

        Raises:
            ApiError: PERMISSION_DENIED.
        """

    def check_template(self, parent: str, template: Template) -> None:
        """Refuse a template whose network is not there, or whose account may not read its secrets.

        Cloud Run finds that out only while it works; secrets that do not exist are left to whoever
        reads them.

        Args:
            parent: `projects/P/locations/L` of the service or job.
            template: Of a revision or a task.

        Raises:
            ApiError: Its `reason` is the name of a `run_v2.Condition.CommonReason`.
        """

    def check_topics(self, project: str, topics: Iterable[str]) -> None:
        """Refuse topics to which Secret Manager cannot publish.

        Args:
            project: Of the secret.
            topics: Full names.

        Raises:
            ApiError: NOT_FOUND or FAILED_PRECONDITION.
        """


UNCHECKED = References()


def references_of(store: Store, directory: Path, seed: Mapping[str, Any]) -> References:
    """The checks of a sandbox: those of Google where it is provisioned from empty, else none.

    Args:
        store: The sandbox's.
        directory: The sandbox's.
        seed: What it begins with; `apis_disabled` is the mark of an empty project.
    """
    if not seed.get("apis_disabled"):
        return UNCHECKED
    # Only here, for a seeded sandbox must not wait for the REST side.
    from leitstand.sandbox.rest.found import FoundReferences
    from leitstand.sandbox.rest.park import Park
    from leitstand.sandbox.seeding import projects

    project, region = str(seed["project"]), str(seed.get("location", ""))
    return FoundReferences(Park(store, directory, project, region, projects=projects(seed)))
