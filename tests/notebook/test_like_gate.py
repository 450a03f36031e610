"""What a gate does with the prediction of a rehearsal: nothing, a table, or a stop."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.errors import ExitCode
from leitstand.core.plan import Approved, Withheld
from leitstand.core.predictions.plans import normalised
from leitstand.core.predictions.prediction import (
    Prediction,
    PredictionDeparted,
    PredictionUnreadable,
    parameters_digest,
)
from leitstand.core.predictions.words import Words, words_of
from leitstand.notebook.like_store import (
    IGNORE_VARIABLE,
    LIKE_VARIABLE,
    ReasonTooShort,
    ignoring_prediction,
    keep_prediction,
)
from leitstand.notebook.run import Run
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.template import find_template, read_template
from tests.core.predictions.samples import release

RUNBOOKS = Path(__file__).resolve().parents[2] / "runbooks"
# Without services, since there is no cloud that could be asked what has changed about them.
SANDBOX = load_environment("sandbox").model_copy(update={"services": {}})
WORDS = words_of(SANDBOX)
PLAN = replace(release(WORDS), environment="sandbox")
MOVED = replace(release(WORDS, stable="web-00006-bbbb2222"), environment="sandbox")
VALUES = {"image": "web:1.1.0", "ticket": "OPS-7"}
ELSEWHERE = Words({"project": "shop-prod", "repository": "h-docker.pkg.dev/shop-staging/apps"})


class Place:
    """A run of a release, without any cloud, and what a rehearsal has predicted of it."""

    def __init__(self, home: Path) -> None:
        self.directory = RunDirectory(home / "runs" / "20261126-030000-release-abcd")
        self.directory.path.mkdir(parents=True)
        self.directory.journal.append("run.started", operator="anna@example.com")

    def run(self, **values: Any) -> Run:
        return Run(
            self.directory,
            read_template(find_template("release", RUNBOOKS)),
            SANDBOX,
            {**VALUES, "apply": True, **values},
            Connection(SANDBOX, "127.0.0.1:9", "http://127.0.0.1:9"),
            "anna@example.com",
        )

    def predict(self, **changes: Any) -> Path:
        prediction = Prediction(
            runbook="release",
            environment="sandbox",
            parameters=parameters_digest(VALUES),
            at=datetime.now(UTC),
            run="20261126-020000-release-1234",
            record=3,
            exit_code=0,
            message="",
            plans=(normalised(release(ELSEWHERE, generation=3), ELSEWHERE),),
            world={"services": {}},
        )
        return keep_prediction(replace(prediction, **changes))

    def events(self) -> list[str]:
        return [str(event["event"]) for event in self.directory.journal]

    def event(self, name: str) -> dict[str, Any]:
        (found,) = (event for event in self.directory.journal if event["event"] == name)
        return dict(found)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    monkeypatch.delenv(IGNORE_VARIABLE, raising=False)
    return Place(tmp_path)


def test_without_a_prediction_nothing_is_compared(place: Place) -> None:
    assert isinstance(place.run().approve(PLAN), Approved)
    assert "prediction.compared" not in place.events()


def test_a_plan_as_predicted_is_approved_and_the_record_says_so(place: Place) -> None:
    place.predict()
    assert isinstance(place.run().approve(PLAN), Approved)
    told = place.event("prediction.compared")
    assert (PLAN.digest, 3, []) == (told["digest"], told["record"], told["departures"])


def test_a_prediction_holds_for_one_run_that_changes_something(place: Place) -> None:
    path = place.predict()
    run = place.run()
    run.approve(PLAN)
    run.give_back()
    first = place.directory
    assert first.id == json.loads(path.read_text("utf-8"))["used_by"]
    place.directory = RunDirectory(first.path.with_name("20261126-040000-release-beef"))
    place.directory.path.mkdir()
    place.directory.journal.append("run.started", operator="anna@example.com")
    with pytest.raises(PredictionDeparted):  # the first has changed nothing yet
        place.run().approve(MOVED)
    first.journal.append("action.intent", id="revision")
    assert isinstance(place.run().approve(MOVED), Approved)
    assert ["prediction.compared"] == [e for e in place.events() if "prediction" in e]


def test_a_prediction_that_stopped_a_run_holds_for_the_next_try(place: Place) -> None:
    path = place.predict()
    run = place.run()
    run.approve(PLAN)
    place.directory.journal.append("action.intent", id="revision")
    with pytest.raises(PredictionDeparted):
        run.approve(MOVED)
    run.give_back()
    assert "" == json.loads(path.read_text("utf-8"))["used_by"]


def test_a_prediction_of_another_sandbox_or_project_is_none(place: Place) -> None:
    place.predict(place="somewhere/else")
    assert isinstance(place.run().approve(MOVED), Approved)
    assert "prediction.compared" not in place.events()


def test_a_plan_that_departs_is_not_approved(place: Place) -> None:
    place.predict()
    with pytest.raises(PredictionDeparted) as caught:
        place.run().approve(MOVED)
    assert ExitCode.REFUSED == caught.value.exit_code
    assert "20261126-020000-release-1234" in caught.value.message
    assert "approval.given" not in place.events()
    parts = {(d["part"], d["id"]) for d in place.event("prediction.compared")["departures"]}
    assert ("way_back", "back") in parts


def test_whoever_says_why_goes_on_and_the_record_keeps_the_reason(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.predict()
    monkeypatch.setenv(IGNORE_VARIABLE, "Die Störung duldet keine neue Probe.")
    assert isinstance(place.run().approve(MOVED), Approved)
    told = place.event("prediction.ignored")
    assert ("anna@example.com", "Die Störung duldet keine neue Probe.", MOVED.digest) == (
        told["by"],
        told["reason"],
        told["digest"],
    )


def test_a_reason_is_more_than_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(IGNORE_VARIABLE, raising=False)
    with pytest.raises(ReasonTooShort):
        ignoring_prediction(" eilig    ")
    ignoring_prediction("")


def test_a_run_that_only_plans_is_told_and_not_stopped(place: Place) -> None:
    place.predict()
    assert isinstance(place.run(apply=False).approve(MOVED), Withheld)
    assert place.event("prediction.compared")["departures"]


@pytest.mark.parametrize(
    "changes",
    [
        {"at": datetime.now(UTC) - timedelta(seconds=SANDBOX.rehearsal.valid_for + 60)},
        {"parameters": parameters_digest({"image": "web:1.1.1"})},
        {"environment": "staging"},
    ],
    ids=["too old", "other parameters", "another environment"],
)
def test_a_prediction_of_something_else_stops_nothing(
    place: Place, changes: dict[str, Any]
) -> None:
    place.predict(**changes)
    assert isinstance(place.run().approve(MOVED), Approved)


def test_a_plan_that_was_begun_is_not_compared_again(place: Place) -> None:
    place.predict()
    journal = place.directory.journal
    journal.append("plan.made", plan=MOVED.as_data(), digest=MOVED.digest)
    expires = datetime.now(UTC) + timedelta(hours=1)
    journal.append("approval.given", digest=MOVED.digest, by="anna", expires_at=expires)
    journal.append("action.intent", id="candidate")
    assert isinstance(place.run().approve(MOVED), Approved)


def test_a_rehearsal_that_failed_before_the_plan_stops_nothing(place: Place) -> None:
    place.predict(exit_code=4, message="Die Sandbox war zu langsam.", plans=())
    assert isinstance(place.run().approve(PLAN), Approved)
    assert not place.event("prediction.compared")["known"]


def test_a_damaged_prediction_stops_the_run_until_somebody_says_why(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.predict().write_text("{", "utf-8")
    with pytest.raises(PredictionUnreadable):
        place.run().approve(PLAN)
    monkeypatch.setenv(IGNORE_VARIABLE, "Die Datei ist beschädigt.")
    assert isinstance(place.run().approve(PLAN), Approved)
    assert "prediction.ignored" in place.events()


def test_the_record_of_a_rehearsal_says_what_it_is_like(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.predict()
    told = {
        "env": "prod",
        "world": "ab",
        "read_at": "2026-11-26T03:00:00+00:00",
        "unlike": ["Daten"],
    }
    (tmp_path / "like.json").write_text(json.dumps(told), "utf-8")
    monkeypatch.setenv(LIKE_VARIABLE, str(tmp_path / "like.json"))
    for plan in (MOVED, MOVED):
        assert isinstance(place.run().approve(plan), Approved)
    assert ("prod", ["Daten"]) == tuple(
        place.event("rehearsal.like")[name] for name in ("env", "unlike")
    )
    assert "prediction.compared" not in place.events()


def test_the_second_plan_of_a_name_has_a_prediction_of_its_own(place: Place) -> None:
    second = replace(release(WORDS, stages=(100,)), environment="sandbox")
    plans = tuple(normalised(plan, WORDS) for plan in (PLAN, second))
    place.predict(plans=plans)
    for plan in (PLAN, second, PLAN):
        place.run().approve(plan)
    assert all(not e["departures"] for e in place.directory.journal if "departures" in e)
