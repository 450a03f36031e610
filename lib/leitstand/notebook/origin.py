"""What a run was started for: an incident, and the run and action that asked for it."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from leitstand.core.errors import InputError

__all__ = ["ACTION_VARIABLE", "INCIDENT_VARIABLE", "origin", "project_of", "variables"]

INCIDENT_VARIABLE: Final = "LEITSTAND_INCIDENT"
ACTION_VARIABLE: Final = "LEITSTAND_STARTED_BY"


def origin() -> dict[str, str]:
    """Return the fields that ``run.started`` gets for it; empty for a run of its own.

    Reads environment variables.
    """
    named = {"incident": INCIDENT_VARIABLE, "started_by": ACTION_VARIABLE}
    return {field: value for field, name in named.items() if (value := os.environ.get(name))}


def project_of(env: str) -> dict[str, str]:
    """Return the field ``project`` of ``run.started``; empty where there is no such environment.

    Its file is read, not checked: that takes long, and begin() does it.
    """
    if not env:
        return {}
    from leitstand.configuration import read_layers

    with suppress(InputError):
        base, overlay = read_layers(env)
        if project := overlay.get("project", base.get("project")):
            return {"project": str(project)}
    return {}


def variables(incident: str, run: str, action: str) -> Mapping[str, str]:
    """Return the environment of a run that an action of another run starts."""
    return {INCIDENT_VARIABLE: incident, ACTION_VARIABLE: f"{run}/{action}"}
