"""``leitstand drill``: list, start, score and stop."""

import json

import pytest

from leitstand.cli.drill import _ADVICE, _VERDICTS
from leitstand.core.drilling.types import Verdict
from leitstand.drills.catalogue import drills
from leitstand.drills.state import DrillState
from leitstand.sandbox import control
from tests.fixtures.command import Command

LOCKED = "locked-database"


def test_every_verdict_has_its_sentence_and_all_but_passed_their_advice() -> None:
    assert {verdict.value for verdict in Verdict} == set(_VERDICTS)
    assert set(_VERDICTS) - {"passed"} == set(_ADVICE)


@pytest.mark.parametrize("drill", drills().values(), ids=list(drills()))
def test_a_story_tells_symptoms_and_names_no_runbook(drill) -> None:  # type: ignore[no-untyped-def]
    assert drill.treatments
    told = f"{drill.title} {drill.story}"
    assert not [word for word in (drill.cause.value, *drill.treatments) if word in told]


def test_what_cannot_be_practised_is_refused_before_a_sandbox_starts(leitstand: Command) -> None:
    leitstand.template = None
    listed = leitstand("drill", "list", "--json")
    assert list(drills()) == [entry["name"] for entry in json.loads(listed.output)]
    codes = {
        arguments: leitstand("drill", *arguments).code
        for arguments in (
            ("start", LOCKED, "--env", "staging"),
            ("start", "fire"),
            ("score",),
            ("stop",),
        )
    }
    assert [3, 2, 3, 3] == list(codes.values())
    assert not (leitstand.home / "sandbox").exists()


def test_a_surprise_is_not_named_while_it_is_under_way(leitstand: Command) -> None:
    leitstand.template = None
    leitstand.home.mkdir(parents=True, exist_ok=True)
    DrillState.begin(leitstand.home / "drill.json", LOCKED, surprise=True)
    listed = json.loads(leitstand("drill", "list", "--json").output)
    scored = leitstand("drill", "score")

    assert [] == [entry["name"] for entry in listed if entry["running"]]
    assert (3, True) == (scored.code, "Der Start der Übung wurde abgebrochen" in scored.problems)
    assert LOCKED not in scored.output + scored.problems


def test_a_drill_outlives_the_command_that_starts_it(leitstand: Command) -> None:
    started = leitstand("drill", "start", LOCKED, "--no-load")
    assert (0, "") == (started.code, started.problems)
    assert drills()[LOCKED].story in started.output
    assert "leitstand run incident" in started.output
    assert control.find(leitstand.home / "sandbox") is not None

    scored = leitstand("drill", "score")
    assert 6 == scored.code
    assert "Noch hat niemand leitstand run incident ausgeführt." in scored.problems
    assert "Zeit bis zur richtigen Ursache  noch nicht" in scored.output
    assert "Verlorene Anfragen              nicht gezählt" in scored.output

    stopped = leitstand("drill", "stop")
    assert (0, f"Die Übung {LOCKED} ist beendet.") == (stopped.code, stopped.output.strip())
