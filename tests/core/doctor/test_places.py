"""Clock, addresses and stores, by what came back; and what of a file is asked about."""

from typing import Any

import pytest

from leitstand.configuration import environment_names, load_environment, read_layers
from leitstand.core.doctor.answers import Answer, Unreached
from leitstand.core.doctor.clock import judge_clock, skew_of
from leitstand.core.doctor.places import (
    KEEPING,
    LOCKING,
    endpoint_of_database,
    endpoint_of_redis,
    judge_apis,
    judge_bucket,
    judge_endpoint,
    judge_found,
)
from leitstand.core.doctor.target import Target, target_of
from leitstand.core.layers import merge
from leitstand.core.lock_settings import locks_in
from leitstand.core.records.settings import records_in

LATE = Unreached("keine Antwort in der Zeit")
TARGET = Target("staging", "a-project", "europe-west3")


@pytest.mark.parametrize(
    ("skew", "state", "words"),
    [
        (0.4, "good", "stimmt mit der von Google überein"),
        (-4.9, "good", "stimmt mit der von Google überein"),
        (6.0, "warn", "geht 6 s vor"),
        (-59.0, "warn", "geht 59 s nach"),
        (61.0, "bad", "geht 61 s vor"),
        (-300.0, "bad", "geht 5 min nach"),
        (86400.0, "bad", "geht 24 h vor"),
    ],
)
def test_a_clock_that_is_off_is_told_by_how_much_and_which_way(
    skew: float, state: str, words: str
) -> None:
    finding = judge_clock(skew)
    assert finding is not None
    assert (state, words) == (finding.state, finding.detail)


def test_the_fastest_answer_tells_the_time_and_without_one_nothing_is_said() -> None:
    answers = [Answer(200, {}, 9.0, 2.0), LATE, Answer(403, {}, 1.0, 0.1), Answer(200)]
    assert 1.0 == skew_of(answers)
    assert judge_clock(skew_of([LATE, Answer(200)])) is None


def _service(api: str, state: str) -> dict[str, str]:
    return {"name": f"projects/1/services/{api}", "state": state}


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        (Answer(200, {"services": [_service("a", "ENABLED")]}), "good", "alle 1 eingeschaltet"),
        (Answer(200, {"services": [_service("a", "DISABLED")]}), "warn", "ausgeschaltet: a"),
        (Answer(403), "warn", "nicht prüfbar"),
        (LATE, "warn", "keine Antwort in der Zeit"),
    ],
)
def test_apis_that_are_off_are_named(answer: Answer | Unreached, state: str, words: str) -> None:
    finding = judge_apis(["a"], answer)
    assert finding is not None
    assert (state, words) == (finding.state, finding.detail)


BODY: dict[str, Any] = {
    "ipAddresses": [
        {"type": "PRIMARY", "ipAddress": "34.1.2.3"},
        {"type": "PRIVATE", "ipAddress": "10.0.0.3"},
    ],
    "settings": {"userLabels": {"port": "6000"}},
}


def test_the_database_is_looked_for_at_its_private_address() -> None:
    assert ("10.0.0.3", 5432) == endpoint_of_database(TARGET, BODY)
    labelled = Target("a", "b", "c", database_port_field="settings.userLabels.port")
    assert ("10.0.0.3", 6000) == endpoint_of_database(labelled, BODY)
    assert endpoint_of_database(TARGET, {"ipAddresses": BODY["ipAddresses"][:1]}) is None
    assert endpoint_of_database(TARGET, {}) is None
    assert ("10.0.0.4", 6379) == endpoint_of_redis({"host": "10.0.0.4", "port": 6379})
    assert endpoint_of_redis({"state": "CREATING"}) is None


def test_without_a_way_to_an_address_the_runbooks_that_need_none_are_named() -> None:
    finding = judge_endpoint("Datenbank", ("10.0.0.3", 5432), Unreached("kein Weg dorthin"))
    assert ("warn", "10.0.0.3:5432: kein Weg dorthin") == (finding.state, finding.detail)
    assert "deviations" in finding.advice
    assert "migrate" not in finding.advice
    assert "good" == judge_endpoint("Redis", ("10.0.0.4", 6379), None, queue=True).state
    assert "warn" == judge_endpoint("Redis", None, None, queue=True).state


@pytest.mark.parametrize("answer", [LATE, Answer(403), Answer(404), Answer(500)])
def test_an_instance_that_does_not_answer_is_said(answer: Answer | Unreached) -> None:
    finding = judge_found("Datenbank", "main", answer)
    assert finding is not None
    assert "warn" == finding.state
    assert judge_found("Datenbank", "main", Answer(200)) is None


@pytest.mark.parametrize(
    ("answer", "locks", "records"),
    [
        (Answer(200, {"permissions": list(LOCKING)}), "good", "good"),
        (Answer(200, {"permissions": list(KEEPING)}), "bad", "good"),
        (Answer(200), "bad", "warn"),
        (Answer(403), "bad", "warn"),
        (Answer(404), "bad", "warn"),
        (LATE, "bad", "warn"),
    ],
)
def test_without_locks_nothing_runs_and_without_a_record_store_records_wait_here(
    answer: Answer | Unreached, locks: str, records: str
) -> None:
    found = [judge_bucket("x", "a-bucket", wanted, answer) for wanted in (LOCKING, KEEPING)]
    assert [locks, records] == [finding.state for finding in found]
    assert ("Belege auf diesem Rechner" in found[1].advice) == (records == "warn")


@pytest.mark.parametrize("name", environment_names())
def test_what_is_asked_about_is_what_the_model_of_the_file_says(name: str) -> None:
    target, model = target_of(name, merge(*read_layers(name))), load_environment(name)
    assert model.database is not None
    records = records_in(model)
    assert (model.project, model.region, model.database.instance) == (
        target.project, target.region, target.instance,
    )  # fmt: skip
    assert (locks_in(model).store, records.store) == (target.locks, target.records)
    assert records.open == target.open_runs
    assert (tuple(records.anchors), model.requires_second_person) == (
        target.anchors, target.second_person,
    )  # fmt: skip
    assert tuple(sorted(model.resources["serviceusage.services"])) == target.apis
    assert ("database-url", "database-admin-url", "redis-url") == target.secrets


def test_a_file_that_is_all_wrong_asks_about_little() -> None:
    content = {"project": 5, "database": [], "records": "x", "locks": {"store": None}, "initial": 1}
    target = target_of("staging", content)
    assert ("5", "", "", (), ()) == (
        target.project, target.instance, target.locks, target.buckets, target.secrets,
    )  # fmt: skip
