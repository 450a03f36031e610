"""Every value of a secret is told to whoever masks outputs, before anyone has it."""

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leitstand.cloud.checksums import crc32c
from leitstand.cloud.connection import Connection
from leitstand.cloud.glance import Glance
from leitstand.cloud.resources import Resources
from leitstand.cloud.secrets import Secrets, ValueDamaged
from leitstand.cloud.sql import CloudSql
from leitstand.configuration import load_environment
from leitstand.core.kind_table import KINDS
from leitstand.sandbox.secrets import Secrets as Served
from leitstand.sandbox.store import Store
from tests.cloud.scripted import scripted
from tests.sandbox.serving import serving

VALUE = "q7Wz-4kLm_9XyT2vB8nR"
INSTANCE = "projects/p/instances/main"


def heard(act: Callable[[Connection], object], answer: dict[str, Any]) -> list[str]:
    """Return what was told while a REST API gave this answer."""
    told: list[str] = []
    with scripted((200, answer)) as server:
        environment = load_environment("sandbox")
        act(Connection(environment, "127.0.0.1:1", server.address, learn=told.extend))
    return told


def payload(value: str, checksum: int) -> dict[str, Any]:
    return {"payload": {"data": b64encode(value.encode()).decode(), "dataCrc32c": str(checksum)}}


def test_a_value_read_over_rest():
    answer = payload(VALUE, crc32c(VALUE.encode()))
    assert [VALUE] == heard(lambda c: Glance(c, 5.0).secret_value("key", "2"), answer)


def test_a_damaged_value_as_well():
    def act(connection: Connection) -> None:
        with pytest.raises(ValueDamaged):
            Glance(connection, 5.0).secret_value("key", "2")

    assert [VALUE] == heard(act, payload(VALUE, 1))


def test_an_auth_string_of_redis():
    name = "projects/p/locations/r/instances/main"
    kind = KINDS["redis.instances"]
    assert [VALUE] == heard(lambda c: Resources(c).auth_string(kind, name), {"authString": VALUE})


@pytest.mark.parametrize(
    "act",
    [
        lambda sql: sql.start_user(INSTANCE, "app", VALUE, "owner"),
        lambda sql: sql.start_password(INSTANCE, "app", VALUE),
    ],
    ids=["new user", "new password"],
)
def test_a_password_that_is_set(act: Callable[[CloudSql], object]):
    assert [VALUE] == heard(lambda connection: act(CloudSql(connection)), {"name": "o"})


def test_a_version_that_is_added_or_read_over_grpc(tmp_path: Path):
    told: list[str] = []
    environment = load_environment("sandbox")
    parent = f"projects/{environment.project}"
    with serving(lambda: (Served(Store(tmp_path)),)) as server:
        connection = Connection(environment, f"127.0.0.1:{server.port}", learn=told.extend)
        connection.secrets.create_secret(
            parent=parent, secret_id="key", secret={"replication": {"automatic": {}}}
        )
        number = Secrets(connection).add_version(f"{parent}/secrets/key", VALUE)
        assert [VALUE] == told
        assert VALUE == Secrets(connection).value(f"{parent}/secrets/key", number)
    assert [VALUE] * 2 == told


def test_nobody_needs_to_listen():
    Connection(load_environment("sandbox"), "127.0.0.1:1").learn(VALUE, "")
