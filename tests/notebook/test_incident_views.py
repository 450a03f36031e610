"""What the incident runbook shows of the state that it gathered."""

from typing import Any

import pytest

from leitstand.core.database_state import ArchiverState
from leitstand.notebook.incident_views import state_table
from tests.core.triage.made import ago, archiver, database, healthy

NEVER = ArchiverState(True, "", None, 1, ago(5), "0001")
OFF = ArchiverState(False, "", None, 0, None, "0001")


def rows(**changed: Any) -> dict[str, str]:
    return {str(row.cells[0]): str(row.cells[1]) for row in state_table(healthy(**changed)).rows}


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (archiver(20), "zuletzt vor 20 s"),
        (archiver(7200, 30), "scheitert, 3 Fehlschläge; zuletzt vor 2 h"),
        (NEVER, "scheitert, ein Fehlschlag; noch nie"),
        (OFF, "der Server archiviert nicht selbst"),
    ],
)
def test_the_archive_tells_how_it_keeps_up(state: ArchiverState, text: str) -> None:
    assert text == rows(database=database(archiver=state))["Archiv des WAL"]


def test_replicas_stand_there_with_their_lag_where_there_are_any() -> None:
    found = database(replicas_lag_seconds={"berlin": 0.2, "ausland": 95.0})
    assert "ausland 95 s zurück, berlin auf dem Stand" == rows(database=found)["Replikate"]
    assert "Replikate" not in rows()


def test_redis_and_litellm_tell_their_clients_and_failures() -> None:
    told = rows()
    assert told["Redis"].endswith("noeviction, 14 Verbindungen")
    assert "900 Anfragen, 2 mit 429, 0 mit 5xx; Grenze 600 je Minute" == told["LiteLLM"]
