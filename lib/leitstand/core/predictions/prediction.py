"""What a rehearsal predicts, and what a gate makes of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from leitstand.core.errors import ExitCode, GateRefused, InputError
from leitstand.core.plan import Plan
from leitstand.core.predictions.plans import ABSENT, Departure, departures, digest, normalised
from leitstand.core.predictions.words import Words

__all__ = [
    "FORMAT",
    "Comparison",
    "Prediction",
    "PredictionDeparted",
    "PredictionUnreadable",
    "approved_plans",
    "compare",
    "parameters_digest",
]

FORMAT: Final = 1
_NOT_COMPARED: Final = frozenset({"env", "ticket", "apply"})
_NAMED: Final = 3


class PredictionDeparted(GateRefused):
    """A plan is not what the rehearsal predicted; nothing of it was done.

    Attributes:
        run: Id of the rehearsal.
        departures: Where the plan departs.
    """

    def __init__(self, run: str, found: Sequence[Departure], where: Sequence[str]) -> None:
        named = ", ".join(where[:_NAMED])
        more = f" und an {len(where) - _NAMED} weiteren Stellen" if len(where) > _NAMED else ""
        super().__init__(
            f"Der Plan ist nicht der, den die Probe {run} vorhergesagt hat: {named}{more}.",
            "Proben Sie neu mit leitstand rehearse, oder gehen Sie bewusst darüber hinweg:"
            " --ignore-prediction GRUND.",
        )
        self.run = run
        self.departures = tuple(found)


class PredictionUnreadable(InputError):
    """A prediction cannot be read, or was written by a newer version.

    Attributes:
        place: Where it lies.
    """

    def __init__(self, place: str) -> None:
        super().__init__(
            f"Die Vorhersage {place} ist nicht lesbar, oder eine neuere Version hat sie"
            " geschrieben.",
            "Proben Sie neu mit leitstand rehearse, oder löschen Sie die Datei.",
        )
        self.place = place


@dataclass(frozen=True)
class Prediction:
    """What a rehearsal of a runbook like an environment left behind.

    Attributes:
        runbook: Name of the runbook.
        environment: Name of the environment that it was made like.
        parameters: Digest of the parameters, see ``parameters_digest``.
        at: When the environment was read, UTC.
        run: Id of the rehearsal's run.
        record: Number of its record in the chain; 0 while it has none.
        exit_code: How the rehearsal ended.
        message: What was wrong with it, as a German sentence; empty at success.
        plans: Every plan that it applied, as ``normalised`` gives them, in their order.
        world: What was read, as ``World.summary`` gives it.
        unlike: What the rehearsal does not show, as German sentences.
        place: Project, and of a sandbox which one; empty where that is not known.
        used_by: Id of the run that it was last compared with before its approval.
    """

    runbook: str
    environment: str
    parameters: str
    at: datetime
    run: str
    record: int
    exit_code: int
    message: str
    plans: tuple[Mapping[str, Any], ...]
    world: Mapping[str, Any]
    unlike: tuple[str, ...] = ()
    place: str = ""
    used_by: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the rehearsal came to its end."""
        return self.exit_code == ExitCode.SUCCESS

    def holds(self, now: datetime, valid_for: float) -> bool:
        """Return whether it is young enough to be compared with."""
        return now - self.at <= timedelta(seconds=valid_for)

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON values, with digests of its plans and of what was read."""
        return {
            "format": FORMAT,
            **asdict(self),
            "at": self.at.astimezone(UTC).isoformat(),
            "plans": [dict(plan) for plan in self.plans],
            "unlike": list(self.unlike),
            "plan_digests": [digest(plan) for plan in self.plans],
            "world_digest": digest(self.world),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Prediction":
        """Return the prediction that ``as_data`` gave.

        Raises:
            ValueError: it is of a later format, or its digests are not those of what it holds.
            KeyError: something is missing.
        """
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        plans = tuple(data["plans"])
        if [digest(plan) for plan in plans] != data["plan_digests"]:
            raise ValueError("plan_digests")
        if digest(data["world"]) != data["world_digest"]:
            raise ValueError("world_digest")
        return cls(
            runbook=data["runbook"],
            environment=data["environment"],
            parameters=data["parameters"],
            at=datetime.fromisoformat(data["at"]),
            run=data["run"],
            record=data["record"],
            exit_code=data["exit_code"],
            message=data["message"],
            plans=plans,
            world=data["world"],
            unlike=tuple(data["unlike"]),
            place=data.get("place", ""),
            used_by=data.get("used_by", ""),
        )


@dataclass(frozen=True)
class Comparison:
    """What a gate found.

    Attributes:
        departures: Where the plan departs from the prediction; empty where it does not.
        known: Whether the rehearsal had such a plan at all.
    """

    departures: tuple[Departure, ...]
    known: bool = True


def parameters_digest(values: Mapping[str, Any]) -> str:
    """Return a digest of a run's parameters as literals, without environment, ticket and apply."""
    return digest({key: value for key, value in values.items() if key not in _NOT_COMPARED})


def approved_plans(
    events: Iterable[Mapping[str, Any]], words: Words, run: str
) -> tuple[dict[str, Any], ...]:
    """Return the plans that a run was approved to apply, normalised, in their order.

    Args:
        events: Its journal.
        words: The names of its environment.
        run: Its id.
    """
    made: dict[str, Plan] = {}
    approved: list[dict[str, Any]] = []
    for event in events:
        if event["event"] == "plan.made":
            made[event["digest"]] = Plan.from_data(event["plan"])
        elif event["event"] == "approval.given" and event["digest"] in made:
            approved.append(normalised(made[event["digest"]], words, run))
    return tuple(approved)


def compare(prediction: Prediction, planned: Mapping[str, Any], position: int) -> Comparison:
    """Return where a plan departs from the prediction.

    A rehearsal that failed says nothing about plans that it did not come to.

    Args:
        prediction: What was predicted.
        planned: The plan, as ``normalised`` gives it.
        position: So many other plans of the same name did the run have before.
    """
    same = [plan for plan in prediction.plans if plan["runbook"] == planned["runbook"]]
    if same:
        return Comparison(departures(same[min(position, len(same) - 1)], planned))
    if not prediction.succeeded:
        return Comparison((), known=False)
    return Comparison((Departure("plan", "", "", ABSENT, planned["runbook"]),), known=False)
