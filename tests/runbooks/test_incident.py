"""An incident from its alert to the draft of its post-mortem."""

from typing import Any

import psycopg
import pytest

from leitstand.sandbox import control
from tests.fixtures.command import Command
from tests.runbooks.test_end_session import waiting
from tests.runbooks.test_rollback import Site


@pytest.fixture
def site(leitstand: Command) -> Site:
    leitstand.configure(triage__lock_wait_seconds=0.5)
    return Site(leitstand)


def ranked(leitstand: Command, run: int = -1) -> dict[str, Any]:
    return [e for e in leitstand.journal(run) if e["event"] == "incident.ranked"][-1]


def incident_of(leitstand: Command, run: int = -1) -> str:
    (declared,) = [e for e in leitstand.journal(run) if e["event"] == "incident.declared"]
    return str(declared["incident"])


def test_the_cause_is_named_treated_by_its_runbook_and_told_in_the_report(site: Site) -> None:
    leitstand = site.leitstand
    with psycopg.connect(site.url(), application_name="vergessen") as holder:
        holder.execute("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE")
        thread = waiting(site.url())
        looked = leitstand("run", "incident", "-p", "title=Seiten laden nicht")
        assert "" == looked.problems
        assert "locked-database" == ranked(leitstand)["hypotheses"][0]["cause"]
        holder.execute("SELECT 1")
        first = incident_of(leitstand)
        treated = leitstand(
            "run", "incident", "-p", f"incident={first}", "-p", "treat=1", "--apply"
        )
        assert "" == treated.problems
        thread.join(10)
        assert not thread.is_alive()
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    assert [] == [h for h in ranked(leitstand, -2)["hypotheses"] if h["cause"] == "locked-database"]
    (started,) = [e for e in leitstand.journal() if e["event"] == "run.started"]
    assert ("end_session", first) == (started["runbook"], started["incident"])
    report = (leitstand.runs[-2] / "bericht.md").read_text("utf-8")
    assert "# " + first in report
    assert leitstand.runs[-1].name in report
    assert "locked-database" in report
    customers = (leitstand.runs[-2] / "status-kunden.txt").read_text("utf-8")
    assert "end_session" not in customers
    assert "vergessen" not in customers
    assert "incident.recovered" in leitstand.events(-2)


def test_a_number_that_means_another_hypothesis_by_now_starts_nothing(site: Site) -> None:
    leitstand = site.leitstand
    with psycopg.connect(site.url(), application_name="vergessen") as holder:
        holder.execute("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE")
        thread = waiting(site.url())
        looked = leitstand("run", "incident", "-p", "title=Seiten laden nicht")
        assert "" == looked.problems
        holder.rollback()
        thread.join(10)
    given = ["-p", f"incident={incident_of(leitstand)}", "-p", "technik=Kim"]
    refused = leitstand("run", "incident", *given, "-p", "treat=1", "--apply")
    assert 2 == refused.code
    assert "Hypothese 1 hieß zuletzt" in refused.problems
    assert "ist nicht mehr dabei" in refused.problems
    (declared,) = [e for e in leitstand.journal() if e["event"] == "incident.declared"]
    assert ("Seiten laden nicht", "Kim") == (
        declared["declaration"]["title"],
        declared["declaration"]["roles"]["technik"],
    )
    assert "incident.recovered" not in leitstand.events()


def test_a_source_that_hangs_is_named_and_two_incidents_stay_apart(site: Site) -> None:
    leitstand = site.leitstand
    assert 0 == leitstand("run", "incident", "-p", "title=Erster").code
    running = control.find(leitstand.home / "sandbox")
    assert running is not None
    running.add_fault("/google.monitoring.v3.MetricService/ListTimeSeries", "hang", times=99)
    assert 0 == leitstand("run", "incident", "-p", "title=Zweiter").code
    running.clear_faults()
    assert {"traffic", "baseline", "series"} <= set(ranked(leitstand)["missing"])
    assert [] == ranked(leitstand, 0)["hypotheses"]
    assert ["monitoring-silent"] == [h["cause"] for h in ranked(leitstand)["hypotheses"]]
    first, second = incident_of(leitstand, 0), incident_of(leitstand, 1)
    assert first != second
    assert "Erster" not in (leitstand.runs[1] / "bericht.md").read_text("utf-8")
    unknown = leitstand("run", "incident", "-p", "incident=inc-20200101-0000")
    assert 2 == unknown.code
    assert "hat auf diesem Rechner niemand ausgerufen" in unknown.problems
    none = leitstand("run", "incident", "-p", "treat=3", "--apply")
    assert 2 == none.code
    assert "Für Hypothese 3 gibt es kein Runbook" in none.problems
