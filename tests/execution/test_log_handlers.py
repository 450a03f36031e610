"""Retention, sinks and grants are changed and taken back; a probe entry proves the export."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.log_routing import LogRouting
from leitstand.configuration import load_environment
from leitstand.core.desired import desired
from leitstand.core.log_retention import LogState, WantedLogs, check_logs, wanted_logs
from leitstand.core.log_retention_plan import plan_logs
from leitstand.core.plan import Action, Plan
from leitstand.execution.executor import Executor
from leitstand.execution.log_handlers import ProbeLost, log_handlers
from leitstand.execution.recovery import NoWayBack, revert
from leitstand.sandbox import control
from tests.execution.provisioned import EMPTY
from tests.fixtures.approved import approved_in
from tests.fixtures.times import LATER

ENVIRONMENT = load_environment("sandbox")
PARENT = f"projects/{ENVIRONMENT.project}"
DATASET = f"{PARENT}/datasets/logs"
SINK = f"{PARENT}/sinks/bigquery"
WANTED: WantedLogs = wanted_logs(desired(ENVIRONMENT, ""))


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    running = control.start(tmp_path_factory.mktemp("logs") / "sandbox", EMPTY, lifeline=True)
    connection = Connection(ENVIRONMENT, running.grpc, running.rest)
    connection.rest.call(
        "bigquery.v2", "datasets", "insert", DATASET, what="Dataset",
        body={"datasetReference": {"datasetId": "logs"}},
    )  # fmt: skip
    yield connection
    running.stop()


@pytest.fixture
def routing(connection: Connection) -> LogRouting:
    return LogRouting(connection)


def seen(routing: LogRouting) -> LogState:
    dataset, row = routing.dataset(DATASET), routing.newest_row(DATASET)
    assert dataset is not None
    rows = {DATASET: row} if row else {}
    return LogState(datetime.now(UTC), routing.buckets(), routing.sinks(), {DATASET: dataset}, rows)


def planned(routing: LogRouting, deadline: float = 5, **options: Any) -> Plan:
    return plan_logs(
        WANTED, seen(routing), environment="sandbox", project=ENVIRONMENT.project,
        probe_deadline=deadline, **options,
    )  # fmt: skip


def executor(connection: Connection, plan: Plan, directory: Path) -> Executor:
    journal = Journal(directory / "journal.jsonl")
    return Executor(approved_in(journal, plan), journal, log_handlers(connection, "run-1"))


def red(routing: LogRouting) -> set[str]:
    return {check.id for check in check_logs(WANTED, seen(routing), 24) if not check.passed}


def test_a_new_project_gets_all_of_it_a_row_proves_it_and_it_can_be_taken_back(
    connection: Connection, routing: LogRouting, tmp_path: Path
) -> None:
    assert {"bucket_keeps", "sink_as_wanted", "sink_may_write", "rows_arrive"} == red(routing)
    plan = planned(routing)
    acting = executor(connection, plan, tmp_path)
    acting.apply_all()
    assert set() == red(routing)
    arrived = seen(routing).arrivals[DATASET]
    assert "leitstand_probe" == arrived.table
    assert ["probe-bigquery"] == [action.id for action in planned(routing).actions]
    acting.take_back()
    assert {"bucket_keeps", "sink_as_wanted", "sink_may_write"} == red(routing)


def test_a_probe_that_does_not_arrive_is_told_and_logging_has_it_all_the_same(
    connection: Connection, routing: LogRouting, tmp_path: Path
) -> None:
    executor(connection, planned(routing), tmp_path).apply_all()
    exclusion = {"name": "noise", "filter": 'logName:"leitstand-probe"'}
    routing.update_sink(SINK, {"exclusions": [exclusion]})
    (tmp_path / "second").mkdir()
    with pytest.raises(ProbeLost) as lost:
        executor(connection, planned(routing, 0.3), tmp_path / "second").apply_all()
    assert SINK == lost.value.sink
    assert routing.is_logged(lost.value.log, lost.value.entry)
    found = routing.sink(SINK)
    assert found is not None
    assert {"noise": 'logName:"leitstand-probe"'} == found.exclusions
    routing.update_sink(SINK, {"exclusions": []})


def test_a_probe_of_yesterday_is_looked_for_in_its_own_table(
    connection: Connection, routing: LogRouting
) -> None:
    day, sink = datetime.now(UTC) - timedelta(days=1), f"{PARENT}/sinks/by-day"
    destination = f"bigquery.googleapis.com/{DATASET}"
    routing.create_sink(sink, {"destination": destination, "filter": "severity>=WARNING"})
    found = routing.sink(sink)
    assert found is not None
    routing.set_writer(DATASET, found.writer, allowed=True)
    entry = f"run-1-probe-bigquery-{day:%Y%m%dT%H%M%S%f}"
    arguments = {
        "sink": sink, "destination": destination, "partitioned": False, "severity": "WARNING",
        "deadline": 5,
    }  # fmt: skip
    probe = Action("probe-bigquery", "log_probe", f"{PARENT}/logs/leitstand-probe", arguments)
    written = {
        "log_name": probe.target, "resource": {"type": "global"}, "severity": "WARNING",
        "insert_id": entry, "timestamp": day, "json_payload": {"probe": entry},
    }  # fmt: skip
    connection.logs.write_log_entries(request={"entries": [written]})
    handler = log_handlers(connection, "run-1")["log_probe"]
    assert entry == handler.finish(probe, entry, lambda _: None)["entry"]
    assert handler.reached(probe)
    routing.delete_sink(sink)


def test_retention_is_shortened_where_that_is_asked_for_and_a_stray_sink_repaired(
    connection: Connection, routing: LogRouting, tmp_path: Path
) -> None:
    routing.set_days(f"{PARENT}/locations/global/buckets/_Default", 400)
    routing.update_sink(SINK, {"disabled": True, "filter": "severity>=ERROR"})
    assert {"sink_as_wanted"} == red(routing)
    executor(connection, planned(routing, shorten=True), tmp_path).apply_all()
    assert set() == red(routing)
    days = {bucket.id: bucket.days for bucket in routing.buckets()}
    assert {"_Default": 90, "_Required": 400} == days


def test_a_run_that_has_begun_to_shorten_is_not_taken_back_and_says_what_it_has_begun(
    connection: Connection, tmp_path: Path
) -> None:
    bucket = f"{PARENT}/locations/global/buckets/_Default"
    raised = Action("back-other", "log_retention", f"{bucket}-other", {"days": 30})
    shorter = Action("shorten-_Default", "log_retention", bucket, {"days": 90})
    plan = Plan(
        "log_retention", "sandbox", PARENT, {}, (shorter,), (raised,),
        point_of_no_return=shorter.id,
    )  # fmt: skip
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
    journal.append("approval.given", digest=plan.digest, by="test", expires_at=LATER)
    journal.append("action.intent", **shorter.as_data())
    with pytest.raises(NoWayBack) as refused:
        revert("run-1", journal, connection, "Zurück.")
    assert shorter.id == refused.value.action
    assert shorter.id in refused.value.message


def test_other_access_stays_when_a_writer_is_added_and_removed(routing: LogRouting) -> None:
    before = routing.dataset(DATASET)
    assert before is not None
    member = "serviceAccount:other@gcp-sa-logging.iam.gserviceaccount.com"
    routing.set_writer(DATASET, member, allowed=True)
    assert replace(before, writers=before.writers | {member}) == routing.dataset(DATASET)
    routing.set_writer(DATASET, member, allowed=False)
    assert before == routing.dataset(DATASET)
