"""Who holds others up is found and ended, and nobody else."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.fixtures.command import Command
from tests.runbooks.test_rollback import Site


@pytest.fixture
def site(leitstand: Command) -> Site:
    return Site(leitstand)


def waiting(url: str) -> threading.Thread:
    """A session that waits for the lock; it ends when it has it."""

    def wait() -> None:
        with psycopg.connect(url, application_name="wartet") as connection:
            connection.execute("LOCK TABLE documents IN ACCESS EXCLUSIVE MODE")

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


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
    (made,) = [e for e in site.leitstand.journal() if e["event"] == "plan.made"]
    assert f"end-{pid}" == made["plan"]["actions"][0]["id"]
    assert 1 == len(made["plan"]["basis"]["waiting"])


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
