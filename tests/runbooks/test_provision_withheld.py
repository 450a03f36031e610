"""What the provisioning runbook does not plan, and wishes that it refuses."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from leitstand.core.kind_table import KINDS
from tests.fixtures.command import Ended
from tests.fixtures.provisioning import Production, production

NETWORK, DATASET = "compute.networks/main", "bigquery.datasets/logs"
VERSION = "secretmanager.versions/langfuse-secret-key/1"
WISHES: Mapping[str, Mapping[str, Any]] = {
    "compute.networks": {"main": {"routing_configg": {"routing_mode": "REGIONAL"}}},
    "compute.globalAddresses": {"web": {"address_type": "EXTERNALL"}},
    "dns.resourceRecordSets": {"main/${load_balancer.domain}./A": {"ttl": -1}},
}


@dataclass
class Looked:
    """A run that only plans, where much cannot be planned.

    Attributes:
        place: Where.
        ended: How it ended.
        same: Whether all was afterwards as before.
        writes: Its calls that were not mere reads.
    """

    place: Production
    ended: Ended
    same: bool
    writes: list[tuple[str, str]]

    @property
    def reasons(self) -> dict[str, str]:
        """Why what deviates is not planned, by key, as the notebook shows it."""
        table = self.place.shown(0).partition("Nicht im Plan\n")[2].partition("\nPlan ")[0]
        rows = [line.split(maxsplit=2) for line in table.splitlines()[1:]]
        return {key: reason for _, key, reason in rows}


def enable(place: Production, api: str) -> None:
    place.want({"serviceusage.services": {f"{api}.googleapis.com": {"state": "ENABLED"}}})
    place.change("serviceusage.services", f"{api}.googleapis.com", {"state": "ENABLED"})


def make_network(place: Production) -> None:
    """Make a network whose description is not the one that is wanted, and cannot be changed."""
    wanted = {"auto_create_subnetworks": False, "description": "Produktion"}
    place.want({"compute.networks": {"main": wanted}})
    enable(place, "compute")
    place.make("compute.networks", "main", {"autoCreateSubnetworks": False, "description": "?"})


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Looked]:
    with production(tmp_path_factory.mktemp("looked"), whole=False) as place:
        value = {"payload": {"data": "${operator}"}}
        place.leitstand.configure(**{f"initial__{VERSION.replace('/', '__', 1)}": value})
        make_network(place)
        place.want({"bigquery.datasets": {"logs": {"location": "europe-west3"}}})
        enable(place, "bigquery")
        place.make("bigquery.datasets", "logs", {"location": "EU"})
        before, known = place.observe().found, len(place.writes())
        ended = place.provision("-p", f"replace={json.dumps([DATASET])}", apply=False)
        writes = place.writes()[known:]
        yield Looked(place, ended, before == place.observe().found, writes)


def test_without_apply_the_plan_is_shown_and_nothing_is_changed(looked: Looked) -> None:
    assert (0, "") == (looked.ended.code, looked.ended.problems)
    assert ([], True) == (looked.writes, looked.same)
    assert "Nur der Plan" in looked.place.shown(0)
    assert "dns.managedZones/main" in looked.place.planned(0)
    assert {"approval.given", "action.intent"}.isdisjoint(looked.place.leitstand.events(0))


def test_a_value_that_only_a_person_can_bring_is_named_with_all_that_needs_it(
    looked: Looked,
) -> None:
    assert "Diesen Wert kann nur eine Person bringen." in looked.reasons[VERSION]
    assert "secrets/langfuse-secret-key/versions/1" in looked.reasons[VERSION]
    assert f"„{VERSION}“, das fehlt" in looked.reasons["run.services/web"]
    assert "„run.services/web“, das fehlt" in looked.reasons["run.policy/web"]
    assert set(looked.reasons).isdisjoint(looked.place.planned(0))


def test_what_cannot_be_changed_in_place_is_replaced_only_where_that_was_asked_for(
    looked: Looked,
) -> None:
    assert f"Nennen Sie „{NETWORK}“ unter „replace“" in looked.reasons[NETWORK]
    assert looked.reasons[NETWORK].startswith("ersetzen: ")


def test_what_holds_data_is_not_replaced_even_where_that_was_asked_for(looked: Looked) -> None:
    assert KINDS["bigquery.datasets"].holds_data
    assert looked.reasons[DATASET].startswith("ersetzen: ")
    assert "Daten" in looked.reasons[DATASET]


def test_wishes_that_an_api_would_refuse_are_all_named_before_there_is_a_plan(
    looked: Looked,
) -> None:
    place, known = looked.place, len(looked.place.writes())
    with place.wanting(WISHES):
        ended = place.provision()
        shown = place.shown()
    assert 3 == ended.code
    assert "Die Umgebung verlangt, was Google Cloud nicht kennt: " in ended.problems
    assert "und 2 weitere Stellen. Korrigieren Sie" in ended.problems
    for sentence in ("routingConfigg", "EXTERNALL", "-1"):
        assert sentence in shown
    assert "Meinten Sie „routingConfig“?" in shown
    assert [] == place.writes()[known:]
    assert "plan.made" not in place.leitstand.events()


@pytest.mark.sweep
def test_what_was_asked_for_is_replaced(tmp_path: Path) -> None:
    with production(tmp_path, whole=False) as place:
        make_network(place)
        ended = place.provision("-p", f"replace={json.dumps([NETWORK])}")
        assert (0, "") == (ended.code, ended.problems)
        assert [] == place.deviating
        assert "ersetzt" in place.shown()


CONTRADICTIONS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"a": {"$after": ["pubsub.topics/b"]}, "b": {"$after": ["pubsub.topics/a"]}},
        "Diese Ressourcen warten im Kreis aufeinander: pubsub.topics/",
        "Nehmen Sie einen der Verweise aus der Umgebung.",
    ),
    (
        {"a": {"labels": {"von": "${pubsub.topics/c}"}}},
        "pubsub.topics/a verweist auf pubsub.topics/c, das in der Umgebung nicht steht.",
        "Korrigieren Sie den Verweis",
    ),
]


@pytest.mark.sweep
def test_wishes_that_contradict_each_other_are_refused_before_there_is_a_plan(
    tmp_path: Path,
) -> None:
    with production(tmp_path, whole=False) as place:
        for topics, message, advice in CONTRADICTIONS:
            with place.wanting({"pubsub.topics": topics}):
                ended = place.provision()
            assert (2, True, True) == (
                ended.code, message in ended.problems, advice in ended.problems
            ), ended  # fmt: skip
            assert "plan.made" not in place.leitstand.events()
        assert [] == place.writes()
