"""At the gate: is the plan the one that the rehearsal predicted?"""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.core.errors import LeitstandError
from leitstand.core.parameters import as_literals
from leitstand.core.plan import Plan
from leitstand.core.predictions.plans import Departure, normalised
from leitstand.core.predictions.prediction import (
    Prediction,
    PredictionDeparted,
    compare,
    parameters_digest,
)
from leitstand.core.predictions.words import words_of
from leitstand.core.predictions.world import Change, World, changes
from leitstand.execution.history import History
from leitstand.notebook.like_store import (
    IGNORE_VARIABLE,
    LIKE_VARIABLE,
    find_prediction,
    keep_prediction,
    place_of,
)
from leitstand.notebook.like_views import changes_table, departures_table, place_text
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.views import Notice, Tone, show
from leitstand.project import runs_directory

if TYPE_CHECKING:
    from leitstand.notebook.run import Run

__all__ = ["check_prediction"]


def check_prediction(run: "Run", plan: Plan) -> None:
    """Compare a plan that is about to be approved with the newest prediction; show what differs.

    A rehearsal journals what it is like instead. Without a prediction that is young enough, with a
    plan that was begun, or with one that is as predicted, nothing is stopped; a run that only plans
    is told of departures, too. A prediction holds for one run that changes something: after it, the
    environment is no longer the one that was rehearsed. A run that is stopped gives it back.

    Raises:
        PredictionDeparted: the plan departs, and nobody has said why that may be.
        PredictionUnreadable: the prediction cannot be read, and nobody has said why that may be.
    """
    if told := os.environ.get(LIKE_VARIABLE):
        _journal_like(run, Path(told))
        return
    history = History.read(run.journal)
    if history.begun(plan) and not history.ended:
        return
    reason = os.environ.get(IGNORE_VARIABLE, "").strip()
    prediction = _prediction(run, reason)
    if prediction is None:
        return
    planned = normalised(plan, words_of(run.environment), run.id)
    found = compare(prediction, planned, _position(run, plan))
    run.journal.append(
        "prediction.compared",
        digest=plan.digest,
        plan=plan.runbook,
        rehearsal=prediction.run,
        record=prediction.record,
        read_at=prediction.at,
        known=found.known,
        departures=[departure.as_data() for departure in found.departures],
    )
    _show(prediction, found.departures, known=found.known)
    if found.departures:
        show(changes_table(_changed(run, prediction), prediction.at))
    if found.departures and reason:
        _ignore(run, reason, plan.digest)
    elif found.departures and run.apply:
        where = [place_text(departure) for departure in found.departures]
        if prediction.used_by == run.id:  # or the next try would be compared with nothing
            with suppress(OSError):
                keep_prediction(replace(prediction, used_by=""))
        raise PredictionDeparted(prediction.run, found.departures, where)
    if run.apply and prediction.used_by != run.id:
        with suppress(OSError):  # it then holds for another run, too
            keep_prediction(replace(prediction, used_by=run.id))


def _prediction(run: "Run", reason: str) -> Prediction | None:
    environment = run.environment
    parameters = parameters_digest(as_literals(run.parameters))
    try:
        found = find_prediction(environment.name, run.template.name, parameters)
    except LeitstandError as error:
        if not reason:
            raise
        show(Notice(error.message, Tone.BAD))
        _ignore(run, reason, "")
        return None
    valid_for = environment.rehearsal.valid_for
    there = found is not None and found.place in {"", place_of(environment)}
    if found is not None and there and found.holds(datetime.now(UTC), valid_for):
        if not _used(found, run.id):
            return found
        text = f"Die Vorhersage der Probe {found.run} galt dem Lauf {found.used_by}."
        show(Notice(f"{text} Er hat seither etwas geändert; für diesen Lauf gilt keine."))
        return None
    if environment.sandbox is None:
        older = f"; die letzte ist vom {found.at.astimezone():%d.%m. %H:%M}" if found else ""
        show(Notice(f"Für diesen Lauf gilt keine Vorhersage einer Probe{older}."))
    return None


def _used(prediction: Prediction, run: str) -> bool:
    """Return whether another run has changed something since, as the prediction said or not."""
    if prediction.used_by in {"", run}:
        return False
    return History.read(RunDirectory(runs_directory() / prediction.used_by).journal).started


def _position(run: "Run", plan: Plan) -> int:
    """Return how many other plans of the same name this run has been compared with before."""
    earlier = [
        str(event["digest"])
        for event in run.journal
        if event["event"] == "prediction.compared" and event["plan"] == plan.runbook
    ]
    distinct = list(dict.fromkeys(earlier))
    return distinct.index(plan.digest) if plan.digest in distinct else len(distinct)


def _show(prediction: Prediction, found: Sequence[Departure], *, known: bool) -> None:
    when = f"{prediction.at.astimezone():%d.%m. %H:%M}"
    if not prediction.succeeded:
        show(Notice(f"Die Probe {prediction.run} ist gescheitert: {prediction.message}", Tone.BAD))
    if found:
        show(departures_table(found, prediction.run))
    elif known:
        text = f"Der Plan ist wie in der Probe {prediction.run} vom {when} vorhergesagt."
        show(Notice(text, Tone.GOOD))
    else:
        show(Notice("So weit kam die Probe nicht; für diesen Plan gibt es keine Vorhersage."))


def _changed(run: "Run", prediction: Prediction) -> tuple[Change, ...]:
    """Return what has changed about services since the rehearsal, as far as it can be read."""
    from leitstand.notebook.like_reading import Needs, read_services

    since = Needs.of(prediction.runbook, as_literals(run.parameters), prediction.at).kept_since
    try:
        now = World(read_services(run.connection, since)).summary(words_of(run.environment))
    except LeitstandError as error:
        show(Notice(f"Was sich geändert hat, ließ sich nicht lesen: {error.message}", Tone.WAIT))
        return ()
    return changes(prediction.world, now, "services")


def _ignore(run: "Run", reason: str, digest: str) -> None:
    run.journal.append("prediction.ignored", digest=digest, by=run.operator, reason=reason)
    show(
        Notice(f"Die Vorhersage gilt nicht: {run.operator} geht darüber hinweg: {reason}", Tone.BAD)
    )


def _journal_like(run: "Run", told: Path) -> None:
    """Journal once what a rehearsal is like, so that its record says so."""
    if any(event["event"] == "rehearsal.like" for event in run.journal):
        return
    run.journal.append("rehearsal.like", **json.loads(told.read_text("utf-8")))
