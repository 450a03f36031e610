"""Retention and export of logs: what is red, what is planned, and why a probe was lost."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from leitstand.configuration import load_environment
from leitstand.core.desired import desired
from leitstand.core.log_retention import (
    Arrival,
    Bucket,
    Dataset,
    LogState,
    Loss,
    Sink,
    WantedLogs,
    check_logs,
    wanted_logs,
    why_lost,
)
from leitstand.core.log_retention_plan import plan_logs, probe_table, shortened
from leitstand.core.plan import Plan

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
PARENT = "projects/p"
DEFAULT = f"{PARENT}/locations/global/buckets/_Default"
REQUIRED = f"{PARENT}/locations/global/buckets/_Required"
DATASET = f"{PARENT}/datasets/logs"
WRITER = "serviceAccount:writer@example.com"
BODY = {
    "destination": f"bigquery.googleapis.com/{DATASET}",
    "filter": "severity>=WARNING",
    "bigqueryOptions": {"usePartitionedTables": True},
}
NAME = f"{PARENT}/sinks/bigquery"
WANTED = WantedLogs({DEFAULT: 90}, (Sink.from_body(NAME, BODY),), {NAME: BODY})
SINK = Sink.from_body(NAME, {**BODY, "writerIdentity": WRITER})
GOOD = LogState(
    NOW,
    (Bucket(DEFAULT, 90), Bucket(REQUIRED, 400, locked=True)),
    (SINK,),
    {DATASET: Dataset(DATASET, frozenset({WRITER}))},
    {DATASET: Arrival("stdout", NOW - timedelta(minutes=5))},
)
NOISE = {"name": "x", "filter": "severity<ERROR"}


def state(**changes: Any) -> LogState:
    return replace(GOOD, **changes)


def failed(seen: LogState) -> set[str]:
    return {check.id for check in check_logs(WANTED, seen, 24) if not check.passed}


RED: list[tuple[str, LogState, set[str]]] = [
    ("nothing is wrong", GOOD, set()),
    ("longer than wanted is no harm", state(buckets=(Bucket(DEFAULT, 400), GOOD.buckets[1])),
     set()),
    ("a bucket keeps too short", state(buckets=(Bucket(DEFAULT, 30), GOOD.buckets[1])),
     {"bucket_keeps"}),
    ("audit logs are cut", state(buckets=(GOOD.buckets[0], Bucket(REQUIRED, 30))), {"audit_kept"}),
    ("the sink is gone", state(sinks=()), {"sink_as_wanted", "sink_may_write"}),
    ("the sink is off", state(sinks=(replace(SINK, disabled=True),)), {"sink_as_wanted"}),
    ("the filter is another", state(sinks=(replace(SINK, filter="severity>=ERROR"),)),
     {"sink_as_wanted"}),
    ("an exclusion drops audit logs",
     state(sinks=(replace(SINK, exclusions={"x": "severity<ERROR"}),)),
     {"audit_not_dropped"}),
    ("the grant is missing", state(datasets={DATASET: Dataset(DATASET)}), {"sink_may_write"}),
    ("rows go too early", state(datasets={DATASET: Dataset(DATASET, frozenset({WRITER}), 30)}),
     {"rows_kept"}),
    ("the dataset is gone", state(datasets={}, arrivals={}),
     {"dataset_there", "sink_may_write", "rows_arrive"}),
    ("nothing came for two days", state(arrivals={DATASET: Arrival("t", NOW - timedelta(days=2))}),
     {"rows_arrive"}),
]  # fmt: skip


@pytest.mark.parametrize(("seen", "expected"), [row[1:] for row in RED], ids=[r[0] for r in RED])
def test_exactly_what_is_wrong_is_red(seen: LogState, expected: set[str]) -> None:
    assert expected == failed(seen)


def planned(seen: LogState, *, shorten: bool = False) -> Plan:
    return plan_logs(
        WANTED, seen, environment="prod", project="p", shorten=shorten, probe_deadline=900
    )


def ids(plan: Plan) -> list[str]:
    return [action.id for action in plan.actions]


LONG = state(buckets=(Bucket(DEFAULT, 400), GOOD.buckets[1]))
PLANS: list[tuple[str, LogState, list[str], list[str]]] = [
    ("nothing but the proof", GOOD, ["probe-bigquery"], []),
    ("longer", state(buckets=(Bucket(DEFAULT, 30),)), ["raise-_Default", "probe-bigquery"],
     ["back-_Default"]),
    ("a new sink and its right", state(sinks=()),
     ["create-bigquery", "grant-bigquery", "probe-bigquery"],
     ["revoke-bigquery", "delete-bigquery"]),
    ("a repaired sink", state(sinks=(replace(SINK, disabled=True),)),
     ["repair-bigquery", "probe-bigquery"], ["restore-bigquery"]),
    ("a grant", state(datasets={DATASET: Dataset(DATASET)}),
     ["grant-bigquery", "probe-bigquery"], ["revoke-bigquery"]),
    ("no proof without a dataset", state(datasets={}), [], []),
    ("longer than wanted stays", LONG, ["probe-bigquery"], []),
    ("a locked bucket stays", state(buckets=(Bucket(DEFAULT, 30, locked=True),)),
     ["probe-bigquery"], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "actions", "way_back"), [row[1:] for row in PLANS], ids=[row[0] for row in PLANS]
)
def test_only_what_is_wrong_is_planned_and_how_to_take_it_back(
    seen: LogState, actions: list[str], way_back: list[str]
) -> None:
    plan = planned(seen)
    assert actions == ids(plan)
    assert way_back == [action.id for action in plan.way_back]
    assert "" == plan.point_of_no_return


def test_shortening_is_asked_for_comes_last_and_has_no_way_back() -> None:
    assert {"_Default": (400, 90)} == shortened(WANTED, LONG)
    plan = planned(LONG, shorten=True)
    assert ["probe-bigquery", "shorten-_Default"] == ids(plan)
    assert "shorten-_Default" == plan.point_of_no_return
    assert () == plan.way_back


def test_a_restored_sink_is_what_it_was() -> None:
    before = replace(SINK, filter="severity>=ERROR", disabled=True)
    (back,) = planned(state(sinks=(before,))).way_back
    assert replace(before, writer="") == Sink.from_body(NAME, back.arguments["body"])


def test_a_filter_is_compared_by_what_it_selects_and_goes_back_as_it_was_written() -> None:
    text = 'severity>=ERROR -- nur Fehler\nAND logName:"a--b"'
    (back,) = planned(state(sinks=(replace(SINK, filter=text),))).way_back
    assert text == back.arguments["body"]["filter"]
    commented = "-- wie vereinbart\n  severity>=WARNING"
    assert set() == failed(state(sinks=(replace(SINK, filter=commented),)))
    swallowed = "severity>=WARNING -- a\nAND severity<ERROR"
    assert {"sink_as_wanted"} == failed(state(sinks=(replace(SINK, filter=swallowed),)))
    assert 'severity>=ERROR AND logName:"a--b"' == replace(SINK, filter=text).selection
    assert 'a="x  y"' == replace(SINK, filter='\n a="x  y"\n-- Ende').selection


@pytest.mark.parametrize(
    ("changes", "logged", "expected"),
    [
        ({}, False, Loss.NOT_LOGGED),
        ({"sinks": ()}, True, Loss.NO_SINK),
        ({"sinks": (replace(SINK, disabled=True),)}, True, Loss.DISABLED),
        ({"sinks": (replace(SINK, destination="storage.googleapis.com/b"),)}, True,
         Loss.DESTINATION),
        ({"datasets": {}}, True, Loss.NO_DATASET),
        ({"datasets": {DATASET: Dataset(DATASET)}}, True, Loss.NO_GRANT),
        ({"sinks": (replace(SINK, filter="severity>=ERROR"),)}, True, Loss.FILTER),
        ({"sinks": (Sink.from_body(NAME, {**BODY, "writerIdentity": WRITER,
                                          "exclusions": [NOISE]}),)}, True, Loss.EXCLUSION),
        ({}, True, Loss.UNKNOWN),
    ],
)  # fmt: skip
def test_the_cause_of_a_lost_probe_is_named(
    changes: dict[str, Any], logged: bool, expected: Loss
) -> None:
    assert expected is why_lost(WANTED.sinks[0], state(**changes), logged=logged)


def test_the_probe_has_a_table_of_its_own() -> None:
    assert f"{DATASET}/tables/leitstand_probe" == probe_table(SINK, "20261126")
    by_day = replace(SINK, partitioned=False)
    assert f"{DATASET}/tables/leitstand_probe_20261126" == probe_table(by_day, "20261126")


def test_the_alert_on_overdue_runs_names_exactly_the_daily_schedules() -> None:
    file = Path(__file__).resolve().parents[2] / "config" / "schedules.yaml"
    listed = yaml.safe_load(file.read_text("utf-8"))["schedules"]
    daily = {one["name"] for one in listed if one["cron"].endswith("* * *")}
    alert = load_environment("prod").resources["monitoring.alertPolicies"]["overdue-runs"]
    assert alert is not None
    text = alert["conditions"][0]["condition_threshold"]["filter"]
    named = re.findall(r'"([^"]+)"', text.partition("one_of(")[2])
    assert daily == set(named)


def test_production_wants_ninety_days_and_an_export_and_staging_no_export() -> None:
    prod = wanted_logs(desired(load_environment("prod"), ""))
    assert [90] == list(prod.days.values())
    assert [f"projects/{load_environment('prod').project}/datasets/logs"] == [
        sink.dataset for sink in prod.sinks
    ]
    assert () == wanted_logs(desired(load_environment("staging"), "")).sinks
