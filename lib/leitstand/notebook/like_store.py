"""Where predictions lie: in the state directory, by environment, runbook and parameters."""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.core.errors import InputError
from leitstand.core.predictions.prediction import Prediction, PredictionUnreadable
from leitstand.notebook.run_directory import write_private
from leitstand.project import state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leitstand.core.environment import Environment

__all__ = [
    "IGNORE_VARIABLE",
    "LIKE_VARIABLE",
    "ReasonTooShort",
    "find_prediction",
    "ignoring_prediction",
    "keep_prediction",
    "place_of",
]

_SHORTEST = 10

LIKE_VARIABLE = "LEITSTAND_LIKE"
"""Names the file that tells the kernel of a rehearsal what the rehearsal is like."""

IGNORE_VARIABLE = "LEITSTAND_IGNORE_PREDICTION"
"""Says why a run goes on although it departs from its prediction."""


class ReasonTooShort(InputError):
    """Somebody wants to go on against a prediction, and hardly says why."""

    def __init__(self) -> None:
        super().__init__(
            f"Wer über eine Vorhersage hinweggeht, nennt einen Grund von {_SHORTEST} Zeichen.",
            "Schreiben Sie ihn hinter --ignore-prediction; er steht im Beleg des Laufs.",
        )


def ignoring_prediction(reason: str) -> None:
    """Let the runs that this process starts go on against their prediction, for a reason.

    Sets an environment variable; an empty reason changes nothing.

    Raises:
        ReasonTooShort: the reason says hardly anything.
    """
    given = " ".join(reason.split())
    if reason and len(given) < _SHORTEST:
        raise ReasonTooShort
    if given:
        os.environ[IGNORE_VARIABLE] = given


def keep_prediction(prediction: Prediction) -> Path:
    """Write a prediction in the place of an earlier one for the same; return its path."""
    path = _place(prediction.environment, prediction.runbook, prediction.parameters)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, json.dumps(prediction.as_data(), ensure_ascii=False, indent=1) + "\n")
    return path


def place_of(environment: "Environment") -> str:
    """Return which project an environment is now, and which sandbox, if it is one."""
    from leitstand.notebook.sandboxes import world_of

    return f"{environment.project}/{world_of(environment)}"


def find_prediction(environment: str, runbook: str, parameters: str) -> Prediction | None:
    """Return the newest prediction of a runbook with these parameters; None without one.

    Args:
        environment: Name of the environment that the rehearsal was made like.
        runbook: Name of the runbook.
        parameters: Digest of its parameters.

    Raises:
        PredictionUnreadable: there is one that cannot be read.
    """
    path = _place(environment, runbook, parameters)
    try:
        data: Mapping[str, object] = json.loads(path.read_text("utf-8"))
        return Prediction.from_data(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PredictionUnreadable(str(path)) from error


def _place(environment: str, runbook: str, parameters: str) -> Path:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.basename(runbook))
    return state_directory() / "predictions" / environment / f"{name}-{parameters[:16]}.json"
