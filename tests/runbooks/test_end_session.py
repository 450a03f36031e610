"""Who holds others up is found and ended, and nobody else."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.fixtures.command import Command
from tests.runbooks.test_rollback import Site


@pytest.fixture
def site(leitstand: Command) -> Site:
    return Site(leitstand)


def waiting(url: str, seconds: float = 0) -> threading.Thread:
    """A session that waits for the lock; it ends when it has had it for so long."""

    def wait() -> None:
        with psycopg.connect(url, application_name="wartet") as connection:
            connection.execute("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE")
            connection.execute("SELECT pg_sleep(%s)", (seconds,))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def plan_of(site: Site) -> Any:
    """Return the plan that the last run made."""
    (made,) = [e for e in site.leitstand.journal() if e["event"] == "plan.made"]
    return made["plan"]


def test_the_session_that_holds_others_up_is_ended_and_those_who_waited_go_on(site: Site) -> None:
    url = site.url()
    with psycopg.connect(url, application_name="vergessen") as holder:
        holder.execute("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE")
        thread = waiting(url)
        planned = site.leitstand("run", "end_session")
        assert "" == planned.problems
        assert not holder.closed
        holder.execute("SELECT 1")
        pid = holder.info.backend_pid
        ended = site.leitstand("run", "end_session", "--apply")
        assert (0, "") == (ended.code, ended.problems)
        thread.join(10)
        assert not thread.is_alive()
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    plan = plan_of(site)
    assert f"end-{pid}" == plan["actions"][0]["id"]
    assert 1 == len(plan["basis"]["waiting"])


def test_those_who_waited_get_time_to_go_on_one_after_the_other(site: Site) -> None:
    url = site.url()
    with closing(psycopg.connect(url)) as one, closing(psycopg.connect(url)) as other:
        for holder in (one, other):
            holder.execute("LOCK TABLE documents IN ACCESS SHARE MODE")
        threads = [waiting(url, 0.7)]
        held = site.leitstand("run", "end_session", "--apply")
        assert 6 == held.code
        assert "Noch immer warten 1 Sitzungen" in held.problems
        threads += [waiting(url, 0.7) for _ in range(2)]
        site.leitstand.configure(triage__lock_wait_seconds=20)
        ended = site.leitstand("run", "end_session", "--apply")
        assert (0, "") == (ended.code, ended.problems)
    assert 3 == len(plan_of(site)["basis"]["waiting"])
    for thread in threads:
        thread.join(10)


def test_a_session_in_another_transaction_than_the_one_meant_is_left_alone(site: Site) -> None:
    with psycopg.connect(site.url()) as connection:
        connection.execute("SELECT 1")
        pid, early = connection.info.backend_pid, datetime.now(UTC) - timedelta(hours=1)
        refused = site.leitstand(
            "run", "end_session", "-p", f"pid={pid}", "-p", f"started_at={early.isoformat()}",
            "--apply",
        )  # fmt: skip
        assert 2 == refused.code
        assert f"Die Sitzung {pid} gibt es nicht" in refused.problems
        connection.execute("SELECT 1")
