"""The scaling runbook over a real queue with a real worker."""

from collections.abc import Iterator

import pytest

from leitstand.core.plan import Plan
from tests.fixtures.provisioning import eventually
from tests.fixtures.queueing import Queue, queue

AS_THE_FILE_SAYS = {"min_instance_count": 1, "max_instance_count": 20}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queue]:
    with queue(tmp_path_factory.mktemp("scale")) as made:
        yield made


def planned(site: Queue) -> Plan:
    (made,) = [e for e in site.leitstand.journal() if e["event"] == "plan.made"]
    return Plan.from_data(made["plan"])  # type: ignore[arg-type]  # a journal's


def test_a_backlog_gets_as_many_workers_as_it_needs_until_it_is_gone(site: Queue) -> None:
    # One that is idle above the minimum, after another test, is ended first.
    assert eventually(lambda: site.processes("worker") == 1)
    site.put(400, "slow", 0.15)
    ended = site.leitstand("run", "scale", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    basis = planned(site).basis
    assert ("throughput", 1) == (basis["reason"], basis["running"])
    assert 1 < basis["instances"] == site.processes("worker")
    assert basis["instances"] == site.scaling("worker")["manual_instance_count"]

    site.empty()
    ended = site.leitstand("run", "scale", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert AS_THE_FILE_SAYS == site.scaling("worker")


def test_more_than_the_file_allows_is_refused(site: Queue) -> None:
    ended = site.leitstand("run", "scale", "-p", "instances=21", "--apply")
    assert 2 == ended.code
    assert "max_instance_count in config/environments/base.yaml steht auf 20" in ended.problems
    assert not [event for event in site.leitstand.events() if event.startswith("action.")]


def test_a_scaling_that_dies_half_way_is_taken_back(site: Queue) -> None:
    site.leitstand.extra = {"LEITSTAND_CRASH_AFTER": "23"}
    site.leitstand("run", "scale", "-p", "instances=2", "--apply")
    site.leitstand.extra = {}
    assert "action.intent" in site.leitstand.events()
    assert "action.outcome" not in site.leitstand.events()
    reverted = site.leitstand("revert", site.leitstand.runs[-1].name)
    assert 0 == reverted.code
    assert "Die Skalierung ist wieder wie vor dem Lauf." in reverted.output
    assert AS_THE_FILE_SAYS == site.scaling("worker")
