"""Where a drill acts: a provisioned sandbox, reached as a production would be."""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.sql import CloudSql
from leitstand.drills.processes import Helper, start_helper
from leitstand.drills.state import DrillState

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection
    from leitstand.core.environment import Environment
    from leitstand.execution.database_access import DatabaseAccess
    from leitstand.sandbox.control import Sandbox

__all__ = ["Scene"]


class Scene:
    """The sandbox in which a drill takes place.

    Attributes:
        connection: Google's clients.
        sandbox: Its controls: faults, load, status.
        state: What is known of the drill; what ``clean`` needs is noted there.
    """

    def __init__(self, connection: "Connection", sandbox: "Sandbox", state: DrillState) -> None:
        self.connection = connection
        self.sandbox = sandbox
        self.state = state

    @property
    def environment(self) -> "Environment":
        """The environment ``sandbox``."""
        return self.connection.environment

    @property
    def project(self) -> str:
        """Id of its project."""
        return self.environment.project

    @cached_property
    def run(self) -> CloudRun:
        """Services and revisions."""
        return CloudRun(self.connection)

    @cached_property
    def sql(self) -> CloudSql:
        """Instances of Cloud SQL."""
        return CloudSql(self.connection)

    @cached_property
    def secrets(self) -> Secrets:
        """Secrets and their versions."""
        return Secrets(self.connection)

    @property
    def database(self) -> "DatabaseAccess":
        """Where the database is, looked up anew each time: a recovery moves it."""
        from leitstand.execution.database_access import DatabaseAccess

        return DatabaseAccess(self.connection)

    @property
    def administrator_url(self) -> str:
        """The administrator's URL of the database that the application works on now."""
        access = self.database
        return access.administrator_url(access.instance)

    @property
    def redis_url(self) -> str:
        """The URL of Redis as the worker reads it now, with its password."""
        from leitstand.execution.queue_access import QueueAccess

        return QueueAccess(self.connection).url

    def helper(self, module: str, *, given: Mapping[str, Any]) -> Helper:
        """Start a helper process (processes.py): it survives the command and ends with the sandbox.

        ``drill stop`` ends it before ``clean``.

        Args:
            module: Such as ``leitstand.drills.helpers.hold_lock``.
            given: Its instructions, as JSON values; they may be secret.

        Raises:
            HelperFailed: it ended, or was not ready in time.
            DrillOver: the drill was stopped; then it is not started.
        """
        return start_helper(
            module, given=given, owner=self.sandbox.pid, record=self.state.add_helper
        )
