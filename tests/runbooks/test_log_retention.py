"""The runbook about logs as its user starts it: what it finds, repairs and proves."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from leitstand.cloud.log_routing import LogRouting
from tests.fixtures.command import Ended
from tests.fixtures.provisioning import Production, production
from tests.fixtures.retention import PARENT, prepare_logs


@dataclass
class Story:
    """One run only looks, one repairs, one's probe an exclusion drops, and it is resumed."""

    place: Production
    looked: Ended
    repaired: Ended
    lost: Ended
    resumed: Ended


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with production(tmp_path_factory.mktemp("logs"), whole=False) as place:
        prepare_logs(place)
        looked = place.leitstand("run", "log_retention")
        repaired = place.leitstand("run", "log_retention", "--apply")
        exclusions = [{"name": "noise", "filter": 'logName:"leitstand-probe"'}]
        routing = LogRouting(place.connection)
        routing.update_sink(f"{PARENT}/sinks/bigquery", {"exclusions": exclusions})
        place.leitstand.configure(log_retention__probe_deadline=1.5)
        lost = place.leitstand("run", "log_retention", "--apply")
        routing.update_sink(f"{PARENT}/sinks/bigquery", {"exclusions": []})
        resumed = place.leitstand("resume", place.leitstand.runs[2].name)
        yield Story(place, looked, repaired, lost, resumed)


def test_a_run_that_only_looks_names_what_is_wrong_and_writes_nothing(story: Story) -> None:
    assert 6 == story.looked.code, story.looked.problems
    for text in ("nur 30 Tage", "Es gibt sie nicht", "Es ist noch keine angekommen"):
        assert text in story.looked.problems
    journal = story.place.leitstand.journal(0)
    assert not [event for event in journal if str(event["event"]).startswith("action.")]


def test_a_run_with_apply_repairs_it_and_an_entry_that_arrived_proves_the_export(
    story: Story,
) -> None:
    assert (0, "") == (story.repaired.code, story.repaired.problems)
    assert ["raise-_Default", "create-bigquery", "grant-bigquery", "probe-bigquery"] == (
        story.place.planned(1)
    )
    outcomes = [e for e in story.place.leitstand.journal(1) if e["event"] == "action.outcome"]
    entry = str(outcomes[-1]["evidence"]["entry"])  # type: ignore[index]  # of a journal
    assert entry.startswith(story.place.leitstand.runs[1].name)
    table = f"{PARENT}/datasets/logs/tables/leitstand_probe"
    assert LogRouting(story.place.connection).has_row(table, entry)


def test_a_probe_that_does_not_arrive_fails_the_run_and_names_its_cause(story: Story) -> None:
    assert 4 == story.lost.code, story.lost.problems
    assert "Die Senke hat Ausschlüsse" in story.lost.problems
    (cause,) = [e for e in story.place.leitstand.journal(2) if e["event"] == "log.probe_lost"]
    assert "exclusion" == cause["cause"]


def test_a_resumed_run_sends_another_probe(story: Story) -> None:
    assert 0 == story.resumed.code, story.resumed.problems
    events = story.place.leitstand.journal(2)
    outcomes = [event["status"] for event in events if event["event"] == "action.outcome"]
    assert ["failed", "done"] == outcomes
