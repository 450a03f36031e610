"""A sandbox with web, its database, a certificate and a real Redis, for a module's tests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis

from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.environment import Environment
from leitstand.core.triage.signals import Signals
from leitstand.execution.triage import gather
from leitstand.sandbox import control
from leitstand.sandbox.control import Sandbox
from tests.fixtures.cloud_sql import PATIENT
from tests.fixtures.seeds import provisioned_seed
from tests.sandbox.images.processes import redis_server, url_of

__all__ = ["Place", "place"]

_REDIS = "redis-url"


@dataclass
class Place:
    """The sandbox, its environment, and where runs lie."""

    sandbox: Sandbox
    environment: Environment
    redis: Redis
    home: Path

    @property
    def connection(self) -> Connection:
        return Connection(self.environment, self.sandbox.grpc, self.sandbox.rest)

    def gather(self, deadline: float = 5.0) -> Signals:
        since = datetime.now(UTC) - timedelta(seconds=60)
        return gather(self.connection, since=since, deadline=deadline, state_directory=self.home)

    def timed(self, deadline: float) -> tuple[Signals, float]:
        begin = time.monotonic()
        return self.gather(deadline), time.monotonic() - begin

    def secret(self, name: str) -> str:
        """The full name of a secret."""
        return f"projects/{self.environment.project}/secrets/{name}"

    def administrator_url(self) -> str:
        name = f"{self.secret('database-admin-url')}/versions/1"
        found = self.connection.secrets.access_secret_version(name=name)
        return found.payload.data.decode()


@contextmanager
def place(directory: Path) -> Iterator[Place]:
    environment = load_environment("sandbox")
    seed = provisioned_seed(environment)
    # Web does not read it here, so the environment file tells which version the worker reads.
    container = seed["services"][0]["template"]["containers"][0]
    container["env"] = [v for v in container["env"] if v["name"] != "REDIS_URL"]
    seed["secrets"] = [s for s in seed["secrets"] if not s["name"].endswith(_REDIS)]
    # So few that a test can use them up.
    flag = {"name": "max_connections", "value": "40"}
    seed["sql"][0]["instance"]["settings"].setdefault("databaseFlags", []).append(flag)
    (directory / "redis").mkdir()
    with redis_server(directory / "redis") as redis:
        sandbox = control.start(directory / "sandbox", seed, lifeline=True, timeout=PATIENT)
        try:
            made = Place(sandbox, environment, redis, directory)
            _add_redis_url(made, url_of(redis))
            _add_certificate(made)
            yield made
        finally:
            sandbox.stop()


def _add_redis_url(made: Place, url: str) -> None:
    client, name = made.connection.secrets, made.secret(_REDIS)
    client.create_secret(
        parent=f"projects/{made.environment.project}",
        secret_id=_REDIS,
        secret={"replication": {"automatic": {}}},  # type: ignore[arg-type]  # a dict will do
    )
    payload = {"data": url.encode()}
    client.add_secret_version(parent=name, payload=payload)  # type: ignore[arg-type]  # as above


def _add_certificate(made: Place) -> None:
    made.connection.rest.call(
        "compute.v1", "sslCertificates", "insert",
        f"projects/{made.environment.project}/global/sslCertificates/main",
        what="Zertifikat anlegen",
        body={"name": "main", "type": "MANAGED", "managed": {"domains": ["app.example"]}},
    )  # fmt: skip
