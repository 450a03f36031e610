"""Managed zones and record sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from leitstand.sandbox.rest.records import lookup
from tests.sandbox.rest.asking import PROJECT, ZONES, Asking, Refused, asking

ZONE = {"name": "main", "dnsName": "example.com.", "description": "Produktion"}
RECORDS = f"{ZONES}/main/rrsets"


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with asking(tmp_path_factory.mktemp("dns")) as started:
        started("POST", ZONES, ZONE)
        started("POST", RECORDS, record("app.example.com.", "A", "203.0.113.1"))
        yield started


def record(name: str, type_: str, *data: str) -> dict[str, Any]:
    return {"name": name, "type": type_, "ttl": 300, "rrdatas": list(data)}


def test_a_zone_begins_with_its_name_servers_and_its_soa(ask: Asking) -> None:
    zone = ask("GET", f"{ZONES}/main")
    apex = ask("GET", f"{RECORDS}?name=example.com.")["rrsets"]

    assert ["NS", "SOA"] == [one["type"] for one in apex]
    assert zone["nameServers"] == apex[0]["rrdatas"]
    with pytest.raises(Refused, match="apex"):
        ask("DELETE", f"{RECORDS}/example.com./NS")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a name without the final dot": (record("b.example.com", "A", "192.0.2.1"), "invalid"),
    "a name of another zone": (record("b.example.org.", "A", "192.0.2.1"), "invalid"),
    "a name that only ends alike": (record("b.badexample.com.", "A", "192.0.2.1"), "invalid"),
    "an address that is none": (record("b.example.com.", "A", "192.0.2"), "invalid"),
    "no data": (record("b.example.com.", "A"), "required"),
    "an alias without the final dot": (record("b.example.com.", "CNAME", "a.b"), "invalid"),
    "an alias at the apex": (record("example.com.", "CNAME", "a.b."), "invalid"),
    "an alias beside an address": (
        record("app.example.com.", "CNAME", "a.b."),
        "cnameResourceRecordSetConflict",
    ),
    "the same twice": (record("app.example.com.", "A", "192.0.2.1"), "alreadyExists"),
    "a type that is none": (record("b.example.com.", "B", "x"), "invalid"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_records_that_cloud_dns_refuses_are_refused(ask: Asking, case: str) -> None:
    body, reason = REFUSED[case]

    with pytest.raises(Refused) as refused:
        ask("POST", RECORDS, body)

    assert reason == refused.value.reason


def test_a_record_is_changed_under_its_name_and_type(ask: Asking) -> None:
    ask("POST", RECORDS, record("x.example.com.", "A", "192.0.2.1"))
    ask("PATCH", f"{RECORDS}/x.example.com./A", {"rrdatas": ["192.0.2.2"]})

    assert ["192.0.2.2"] == ask("GET", f"{RECORDS}/x.example.com./A")["rrdatas"]
    ask("DELETE", f"{RECORDS}/x.example.com./A")
    with pytest.raises(Refused) as refused:
        ask("GET", f"{RECORDS}/x.example.com./A")
    assert 404 == refused.value.status


def test_a_look_up_follows_aliases_and_wildcards(ask: Asking) -> None:
    ask("POST", RECORDS, record("www.example.com.", "CNAME", "app.example.com."))
    ask("POST", RECORDS, record("*.t.example.com.", "A", "192.0.2.9"))
    hosts = ("app.example.com", "WWW.example.com.", "a.b.t.example.com", "nope.example.com")

    found = [lookup(ask.park, PROJECT, host) for host in hosts]
    assert [{"203.0.113.1"}, {"203.0.113.1"}, {"192.0.2.9"}, set()] == found


def test_a_zone_with_records_cannot_be_deleted(ask: Asking) -> None:
    with pytest.raises(Refused) as refused:
        ask("DELETE", f"{ZONES}/main")
    assert "containerNotEmpty" == refused.value.reason

    ask("POST", ZONES, {**ZONE, "name": "second", "dnsName": "example.net."})
    ask("DELETE", f"{ZONES}/second")
    with pytest.raises(Refused, match="second"):
        ask("GET", f"{ZONES}/second")


def test_a_zone_needs_a_description_and_keeps_its_dns_name(ask: Asking) -> None:
    with pytest.raises(Refused, match="description"):
        ask("POST", ZONES, {"name": "x", "dnsName": "example.org."})
    with pytest.raises(Refused, match="dnsName"):
        ask("PATCH", f"{ZONES}/main", {"dnsName": "example.org."})
    operation = ask("PATCH", f"{ZONES}/main", {"description": "anders"})

    assert ("done", "anders") == (operation["status"], ask("GET", f"{ZONES}/main")["description"])
