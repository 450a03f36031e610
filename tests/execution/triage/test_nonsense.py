"""Answers that have another form than their API promises: the source is missing, nothing breaks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import QueryCanceled

from leitstand.cloud.errors import ApiDisabled, CloudUnreachable, NotFound, PermissionDenied
from leitstand.core.triage.signals import Missing, Silence, Source
from leitstand.database.errors import DatabaseRefused, DatabaseUnreachable
from leitstand.execution.triage import gather
from leitstand.execution.triage.answers import Answer, TooLate, each
from leitstand.execution.triage.reasons import NoSessionLeft, missing
from tests.cloud.scripted import scripted

LISTS = ("services", "revisions", "jobs", "secrets", "versions", "items", "entries", "timeSeries")
PAGE = "<html>502 postgresql://app:geheim@10.0.0.3/app</html>"
NONSENSE: dict[str, Any] = {
    "things without names": {name: [{"x": 1}] for name in LISTS},
    "texts instead of things": dict.fromkeys(LISTS, "geheim"),
    "numbers instead of lists": dict.fromkeys(LISTS, 7),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_makes_sources_missing(name: str, tmp_path: Path) -> None:
    with scripted((200, NONSENSE[name])) as server:
        signals = gather(
            server.connection, since=datetime.now(UTC), deadline=4.0, state_directory=tmp_path
        )
    assert {"runs"} == set(vars(signals)) - {"at", "since"} - set(signals.missing)
    assert "geheim" not in repr(signals.missing)
    assert not any(reason.tells is Silence.LATE for reason in signals.missing.values())


def test_a_connection_that_breaks_makes_sources_missing(tmp_path: Path) -> None:
    with scripted((0, None)) as server:
        signals = gather(
            server.connection, since=datetime.now(UTC), deadline=4.0, state_directory=tmp_path
        )
    assert {"runs"} == set(vars(signals)) - {"at", "since"} - set(signals.missing)
    assert not any(reason.tells is Silence.LATE for reason in signals.missing.values())


def test_a_repeated_call_is_not_made(tmp_path: Path) -> None:
    with scripted((503, {"error": {"code": 503, "message": PAGE}})) as server:
        signals = gather(
            server.connection, since=datetime.now(UTC), deadline=4.0, state_directory=tmp_path
        )
        paths = [path for _, path, _ in server.requests if "/jobs" in path]
    assert 1 == len(paths)
    assert "geheim" not in repr(signals.missing)


REASONS: dict[str, tuple[Source, Exception, Missing]] = {
    "late": (
        Source.LOGS, TooLate(), Missing("Cloud Logging: keine Antwort in der Frist.", Silence.LATE)
    ),
    "denied": (
        Source.SECRETS, PermissionDenied("Secrets auflisten", "no", "secretmanager.secrets.list"),
        Missing(
            "Secret Manager: Die Berechtigung secretmanager.secrets.list fehlt (Secrets auflisten)."
        ),
    ),
    "off": (
        Source.TRAFFIC, ApiDisabled("Messwerte lesen", "off."),
        Missing("Cloud Monitoring: Die API ist im Projekt nicht eingeschaltet."),
    ),
    "not there": (
        Source.REDIS, NotFound("Version 1 lesen", "gone."),
        Missing("Memorystore: Das gibt es nicht (Version 1 lesen)."),
    ),
    "broken": (
        Source.SERVICES, CloudUnreachable("Dienste auflisten", "502."),
        Missing("Cloud Run: keine Antwort von Google Cloud (Dienste auflisten)."),
    ),
    "a password in a message": (
        Source.DATABASE, DatabaseUnreachable("x", "postgresql://app:geheim@h/app."),
        Missing(
            "Die Datenbank: Die Datenbank antwortet nicht: x: postgresql://app:***@h/app.",
            Silence.UNREACHABLE,
        ),
    ),
    "a password with a slash": (
        Source.REDIS, DatabaseRefused("x", "redis://:ge/heim@h/0."),
        Missing("Memorystore: Die Datenbank lehnt ab: x: redis://:***@h/0."),
    ),
    "full": (
        Source.DATABASE, NoSessionLeft(), Missing(NoSessionLeft().message, Silence.FULL)
    ),
    "nonsense": (
        Source.GATEWAY, KeyError("geheim"),
        Missing("LiteLLM: Die Antwort ist nicht zu verstehen (KeyError)."),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_a_reason_is_one_german_sentence(name: str) -> None:
    source, error, expected = REASONS[name]
    assert expected == missing(source, error)


def test_a_call_that_timed_out_is_late() -> None:
    error = CloudUnreachable("Dienste auflisten", "timed out.")
    error.__cause__ = TimeoutError()
    assert Silence.LATE is missing(Source.SERVICES, error).tells


def test_a_statement_that_took_too_long_has_reached_the_database() -> None:
    error = DatabaseUnreachable("Sperren lesen", "canceling statement due to statement timeout.")
    error.__cause__ = QueryCanceled()
    assert Silence.LATE is missing(Source.DATABASE, error).tells


def test_answers_keep_the_order_of_their_subjects() -> None:
    assert [0, 1, 4, 9] == each(lambda n: n * n, range(4), _in(5), at_once=2)


def test_an_answer_raises_what_its_function_raised() -> None:
    def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Answer(broken).by(_in(5))


def _in(seconds: float) -> float:
    import time

    return time.monotonic() + seconds
