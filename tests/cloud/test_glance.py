"""Values of secrets over REST: what was stored, or none."""

from base64 import b64encode
from typing import Any

import pytest

from leitstand.cloud.glance import Glance
from leitstand.cloud.secrets import ValueDamaged
from tests.cloud.scripted import scripted

NINE = 0xE3069283
"""CRC-32C of "123456789": RFC 3720, appendix B.4, and the catalogue of CRC algorithms."""


def payload(**checksum: str) -> dict[str, Any]:
    return {"payload": {"data": b64encode(b"123456789").decode(), **checksum}}


def test_a_value_is_handed_on_when_its_checksum_fits() -> None:
    with scripted((200, payload(dataCrc32c=str(NINE)))) as server:
        assert "123456789" == Glance(server.connection, 5.0).secret_value("key", "2")
    assert server.requests[0][1].partition("?")[0].endswith("/secrets/key/versions/2:access")


@pytest.mark.parametrize("checksum", [{"dataCrc32c": str(NINE + 1)}, {}], ids=["other", "none"])
def test_a_value_whose_checksum_does_not_fit_is_not_handed_on(checksum: dict[str, str]) -> None:
    with scripted((200, payload(**checksum))) as server, pytest.raises(ValueDamaged) as caught:
        Glance(server.connection, 5.0).secret_value("key", "2")
    assert "key" == caught.value.secret
    assert "123456789" not in str(caught.value)
