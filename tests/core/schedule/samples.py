"""Entries, environments and runbooks for the tests of schedules."""

from typing import Any

from leitstand.configuration import load_environment
from leitstand.core.parameters import Parameter, parse_parameters
from leitstand.core.schedule.checking import Checked, check_schedules
from leitstand.core.schedule.cron import Cron
from leitstand.core.schedule.entries import Schedules

PARAMETERS: tuple[Parameter, ...] = parse_parameters(
    'env: "Literal[sandbox, staging, prod]" = "sandbox"\n'
    'tables: "list[str]" = []\n'
    'share: "int[1, 100]" = 10\n'
    'ticket: str = ""\n'
    "apply: bool = False\n"
)
RUNBOOKS = {"deviations": PARAMETERS, "restore_drill": PARAMETERS}
ENVIRONMENTS = {name: load_environment(name) for name in ("sandbox", "staging", "prod")}


def daily(text: str) -> Cron:
    """Read any expression as 05:15, but refuse one word."""
    if text == "manchmal":
        raise ValueError("es müssen fünf Felder sein")
    days, months, weekdays = frozenset(range(1, 32)), frozenset(range(1, 13)), frozenset(range(7))
    return Cron(text, frozenset({15}), frozenset({5}), days, months, weekdays)


def entry(**fields: Any) -> dict[str, Any]:
    return {
        "name": "daily-look", "runbook": "deviations", "cron": "15 5 * * *",
        "environments": {"sandbox": {}}, "deadline": "1800s", "tolerance": "3600s", **fields,
    }  # fmt: skip


def checked(*entries: dict[str, Any]) -> tuple[Checked, ...]:
    schedules = Schedules.model_validate({"time_zone": "Europe/Berlin", "schedules": entries})
    return check_schedules(
        "config/schedules.yaml", schedules, runbooks=RUNBOOKS, environments=ENVIRONMENTS,
        read_cron=daily,
    )  # fmt: skip
