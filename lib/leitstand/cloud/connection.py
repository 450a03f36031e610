"""Makes Google's clients: for the real endpoints, or for a sandbox on loopback.

This is the only place where the endpoint is decided and the only one that reads credentials.
"""

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from leitstand.cloud.call_log import CallLog
from leitstand.cloud.errors import MissingCredentials
from leitstand.cloud.loopback import check_loopback
from leitstand.cloud.rest import Rest
from leitstand.core.environment import Environment

if TYPE_CHECKING:
    import grpc
    from google.auth.credentials import Credentials
    from google.cloud.artifactregistry_v1 import ArtifactRegistryClient
    from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
    from google.cloud.monitoring_v3 import MetricServiceClient
    from google.cloud.run_v2 import (
        ExecutionsClient,
        JobsClient,
        RevisionsClient,
        ServicesClient,
        TasksClient,
    )
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.cloud.sqladmin_v1 import (
        SqlBackupRunsServiceClient,
        SqlInstancesServiceClient,
        SqlOperationsServiceClient,
    )

__all__ = ["Connection", "default_rest"]


class Connection:
    """The clients of one environment, each made on first use.

    With ``sandbox_address`` no credential is read and nothing but that address and
    ``sandbox_rest`` is contacted.

    Attributes:
        calls: The calls that may have changed something.

    Args:
        environment: Whose clients they are.
        sandbox_address: ``127.0.0.1:PORT`` of the sandbox's gRPC APIs.
        sandbox_rest: ``http://127.0.0.1:PORT`` of its REST APIs, where those are needed.
        learn: Told every value of a secret before anyone has it, so that it is shown nowhere.

    Raises:
        NotLoopback: an address does not lie on the loopback interface.
        ValueError: the sandbox without an address, or another environment with one.
    """

    def __init__(
        self,
        environment: Environment,
        sandbox_address: str | None = None,
        sandbox_rest: str | None = None,
        *,
        learn: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        if (environment.name == "sandbox") != (sandbox_address is not None):
            raise ValueError("an address belongs to the sandbox, and only to it")
        if sandbox_rest is not None and sandbox_address is None:
            raise ValueError("an address belongs to the sandbox, and only to it")
        if sandbox_address is not None:
            check_loopback(sandbox_address)
        if sandbox_rest is not None:
            check_loopback(sandbox_rest.removeprefix("http://"))
        self.environment = environment
        self._address = sandbox_address
        self._rest_address = sandbox_rest
        self.calls = CallLog()
        self._learn = learn

    def learn(self, *values: str) -> None:
        """Tell whoever masks outputs that these values are secret; call it before they are used."""
        if self._learn is not None:
            self._learn([value for value in values if value])

    @property
    def poll_interval(self) -> float:
        """Seconds between two looks at an operation: first of a growing series."""
        return 0.05 if self._address else 1.0

    @cached_property
    def services(self) -> "ServicesClient":
        """The client of Cloud Run services."""
        from google.cloud.run_v2 import ServicesClient
        from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

        return self._client(ServicesClient, ServicesGrpcTransport)

    @cached_property
    def revisions(self) -> "RevisionsClient":
        """The client of Cloud Run revisions."""
        from google.cloud.run_v2 import RevisionsClient
        from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport

        return self._client(RevisionsClient, RevisionsGrpcTransport)

    @cached_property
    def secrets(self) -> "SecretManagerServiceClient":
        """The client of Secret Manager."""
        from google.cloud.secretmanager_v1 import SecretManagerServiceClient
        from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
            SecretManagerServiceGrpcTransport,
        )

        return self._client(SecretManagerServiceClient, SecretManagerServiceGrpcTransport)

    @cached_property
    def registry(self) -> "ArtifactRegistryClient":
        """The client of Artifact Registry."""
        from google.cloud.artifactregistry_v1 import ArtifactRegistryClient
        from google.cloud.artifactregistry_v1.services.artifact_registry.transports import (
            ArtifactRegistryGrpcTransport,
        )

        return self._client(ArtifactRegistryClient, ArtifactRegistryGrpcTransport)

    @cached_property
    def metrics(self) -> "MetricServiceClient":
        """The client of Cloud Monitoring."""
        from google.cloud.monitoring_v3 import MetricServiceClient
        from google.cloud.monitoring_v3.services.metric_service.transports import (
            MetricServiceGrpcTransport,
        )

        return self._client(MetricServiceClient, MetricServiceGrpcTransport)

    @cached_property
    def logs(self) -> "LoggingServiceV2Client":
        """The client of Cloud Logging."""
        from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client
        from google.cloud.logging_v2.services.logging_service_v2.transports import (
            LoggingServiceV2GrpcTransport,
        )

        return self._client(LoggingServiceV2Client, LoggingServiceV2GrpcTransport)

    @cached_property
    def sql_instances(self) -> "SqlInstancesServiceClient":
        """The client of Cloud SQL instances."""
        from google.cloud.sqladmin_v1 import SqlInstancesServiceClient
        from google.cloud.sqladmin_v1.services.sql_instances_service.transports import (
            SqlInstancesServiceGrpcTransport,
        )

        return self._client(SqlInstancesServiceClient, SqlInstancesServiceGrpcTransport)

    @cached_property
    def sql_backups(self) -> "SqlBackupRunsServiceClient":
        """The client of Cloud SQL backups."""
        from google.cloud.sqladmin_v1 import SqlBackupRunsServiceClient
        from google.cloud.sqladmin_v1.services.sql_backup_runs_service.transports import (
            SqlBackupRunsServiceGrpcTransport,
        )

        return self._client(SqlBackupRunsServiceClient, SqlBackupRunsServiceGrpcTransport)

    @cached_property
    def sql_operations(self) -> "SqlOperationsServiceClient":
        """The client of Cloud SQL operations."""
        from google.cloud.sqladmin_v1 import SqlOperationsServiceClient
        from google.cloud.sqladmin_v1.services.sql_operations_service.transports import (
            SqlOperationsServiceGrpcTransport,
        )

        return self._client(SqlOperationsServiceClient, SqlOperationsServiceGrpcTransport)

    @cached_property
    def jobs(self) -> "JobsClient":
        """The client of Cloud Run jobs."""
        from google.cloud.run_v2 import JobsClient
        from google.cloud.run_v2.services.jobs.transports import JobsGrpcTransport

        return self._client(JobsClient, JobsGrpcTransport)

    @cached_property
    def executions(self) -> "ExecutionsClient":
        """The client of executions of Cloud Run jobs."""
        from google.cloud.run_v2 import ExecutionsClient
        from google.cloud.run_v2.services.executions.transports import ExecutionsGrpcTransport

        return self._client(ExecutionsClient, ExecutionsGrpcTransport)

    @cached_property
    def tasks(self) -> "TasksClient":
        """The client of tasks of executions."""
        from google.cloud.run_v2 import TasksClient
        from google.cloud.run_v2.services.tasks.transports import TasksGrpcTransport

        return self._client(TasksClient, TasksGrpcTransport)

    @cached_property
    def rest(self) -> Rest:
        """The client of all REST APIs.

        Raises:
            ValueError: the sandbox's REST address is not known.
            MissingCredentials: there are no Application Default Credentials.
        """
        from leitstand.cloud.rest_http import authorized, direct

        if self._address is None:
            return Rest(partial(authorized, self._credentials), log=self.calls)
        return Rest(direct, self._rest_root, self.poll_interval, log=self.calls)

    def hurried(self, seconds: float, reads: int = 1) -> Rest:
        """Return another client of all REST APIs, one that does not wait long.

        No call waits for more than ``seconds`` for more of an answer, and one that only reads is
        tried ``reads`` times.

        Raises:
            ValueError: the sandbox's REST address is not known.
            MissingCredentials: there are no Application Default Credentials.
        """
        from leitstand.cloud.rest_http import authorized, direct

        if self._address is None:
            return Rest(partial(authorized, self._credentials, seconds), reads=reads)
        return Rest(partial(direct, seconds), self._rest_root, self.poll_interval, reads)

    @property
    def _rest_root(self) -> str:
        if self._rest_address is None:
            raise ValueError("the address of the sandbox's REST APIs is missing")
        return f"http://{self._rest_address.removeprefix('http://').rstrip('/')}"

    @property
    def credentials(self) -> "Credentials | None":
        """What the clients sign in with; ``None`` in the sandbox, which asks for nothing.

        Raises:
            MissingCredentials: there are no Application Default Credentials.
        """
        return None if self._address is not None else self._credentials

    def identity_token(self, audience: str) -> str | None:
        """Return a token that a private Cloud Run service accepts; ``None`` in the sandbox."""
        if self._address is not None:
            return None
        from google.auth.exceptions import DefaultCredentialsError
        from google.auth.transport.requests import Request
        from google.oauth2 import id_token

        try:
            token: str = id_token.fetch_id_token(Request(), audience)
        except DefaultCredentialsError as error:
            raise MissingCredentials(self.environment.name) from error
        self.learn(token)
        return token

    def _client(self, client: Any, transport: Any) -> Any:
        if self._address is not None:
            return client(transport=transport(channel=self._channel))

        def channel(*arguments: Any, **options: Any) -> "grpc.Channel":
            return self.calls.watched(transport.create_channel(*arguments, **options))

        made = partial(transport, channel=channel)
        return client(credentials=self._credentials, transport=made)

    @cached_property
    def _channel(self) -> "grpc.Channel":
        import grpc

        # Without it, a proxy from the environment would carry the calls off this machine.
        options = [("grpc.enable_http_proxy", 0)]
        return self.calls.watched(grpc.insecure_channel(self._address, options=options))

    @cached_property
    def _credentials(self) -> "Credentials":
        return _default_credentials(self.environment.name)


def default_rest(name: str) -> Rest:
    """Return a client of the real REST APIs for ``name``; raises MissingCredentials with it."""
    from leitstand.cloud.rest_http import authorized

    return Rest(partial(authorized, _default_credentials(name)))


def _default_credentials(name: str) -> "Credentials":
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    try:
        credentials, _ = google.auth.default(scopes=scopes)
    except DefaultCredentialsError as error:
        raise MissingCredentials(name) from error
    return credentials
