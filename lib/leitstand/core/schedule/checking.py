"""Whether the entries of the schedule file can run: runbook, parameters, cron, environments.

::

    InputError
    └── SchedulesInvalid   the file holds what cannot be scheduled; every place is named
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from leitstand.core.environment import Environment
from leitstand.core.errors import InputError
from leitstand.core.parameter_errors import ParameterError, UnknownParameter
from leitstand.core.parameters import Parameter, check_parameters
from leitstand.core.schedule.cron import Cron
from leitstand.core.schedule.entries import Schedule, Schedules

__all__ = ["Checked", "SchedulesInvalid", "check_schedules", "values_in"]


class SchedulesInvalid(InputError):
    """The schedule file cannot be used.

    Attributes:
        places: What is wrong where, in German.
    """

    def __init__(self, file: str, places: Sequence[str]) -> None:
        super().__init__(
            f"{file} ist ungültig: {'; '.join(place.rstrip('.') for place in places)}.",
            "Korrigieren Sie die genannten Stellen. Bis dahin bleiben die Zeitpläne, wie sie sind.",
        )
        self.file = file
        self.places = tuple(places)


@dataclass(frozen=True)
class Checked:
    """An entry that can run.

    Attributes:
        entry: It.
        cron: Its expression, read.
        values: By environment: the checked parameters of its runs, as the file writes them.
    """

    entry: Schedule
    cron: Cron
    values: Mapping[str, Mapping[str, object]]


def check_schedules(
    file: str,
    schedules: Schedules,
    *,
    runbooks: Mapping[str, Sequence[Parameter]],
    environments: Mapping[str, Environment],
    read_cron: Callable[[str], Cron],
) -> tuple[Checked, ...]:
    """Return the entries with what their runs are started with.

    Args:
        file: Name of the file, for errors.
        schedules: Its content.
        runbooks: The parameters of every runbook by its name.
        environments: All environments by name.
        read_cron: Reads an expression; raises ``ValueError`` with a German reason.

    Raises:
        SchedulesInvalid: an entry cannot run; all places are named.
    """
    places: list[str] = []
    checked: list[Checked] = []
    seen: set[str] = set()
    for entry in schedules.schedules:
        found = [f"Zeitplan „{entry.name}“, {text}" for text in _problems(entry, runbooks,
                 environments, seen)]  # fmt: skip
        seen.add(entry.name)
        try:
            cron = read_cron(entry.cron)
        except ValueError as error:
            places += [*found, f"Zeitplan „{entry.name}“, cron: „{entry.cron}“ – {error}"]
            continue
        places += found
        if not found:
            values = {name: values_in(entry, environments[name]) for name in entry.environments}
            checked.append(Checked(entry, cron, values))
    if places:
        raise SchedulesInvalid(file, places)
    return tuple(checked)


def values_in(entry: Schedule, environment: Environment) -> dict[str, object]:
    """Return the parameters of an entry's runs in an environment.

    Where a ticket is needed and none stands in the file, the schedule's name is the ticket: who
    ran it and on whose word stands in the run that applied the schedule.
    """
    values: dict[str, object] = {
        **entry.parameters,
        **entry.environments[environment.name],
        "env": environment.name,
    }
    if environment.requires_ticket and not values.get("ticket"):
        values["ticket"] = entry.job
    return values


def _problems(
    entry: Schedule,
    runbooks: Mapping[str, Sequence[Parameter]],
    environments: Mapping[str, Environment],
    seen: set[str],
) -> Iterator[str]:
    if entry.name in seen:
        yield "name: kommt zweimal vor"
    known = [name for name in entry.environments if name in environments]
    for name in entry.environments:
        if name not in environments:
            yield (
                f"environments: die Umgebung „{name}“ gibt es nicht; "
                f"vorhanden sind {', '.join(sorted(environments))}"
            )
    parameters = runbooks.get(entry.runbook)
    if parameters is None:
        listed = ", ".join(sorted(runbooks))
        yield f"runbook: „{entry.runbook}“ gibt es nicht; vorhanden sind {listed}"
        return
    for name in known:
        yield from _parameter_problems(entry, environments[name], parameters)


def _parameter_problems(
    entry: Schedule, environment: Environment, parameters: Sequence[Parameter]
) -> Iterator[str]:
    values = values_in(entry, environment)
    try:
        check_parameters(parameters, values)
    except UnknownParameter as error:
        yield f"{_key(entry, environment.name, error.name)}: {error.message} {error.advice}"
    except ParameterError as error:
        name = str(getattr(error, "name", ""))
        yield f"{_key(entry, environment.name, name)}: {error.message}"
    if values.get("apply") is True and environment.requires_second_person:
        yield (
            f"{_key(entry, environment.name, 'apply')}: auf {environment.name} ändert ein Lauf ohne"
            " Freigabe einer zweiten Person nichts, und für einen Zeitplan ist niemand da, der sie"
            " gibt; setzen Sie apply dort auf false"
        )


def _key(entry: Schedule, environment: str, parameter: str) -> str:
    """Return the dotted key under which the file holds a parameter."""
    if parameter in entry.environments[environment] or parameter not in entry.parameters:
        return f"environments.{environment}.{parameter}"
    return f"parameters.{parameter}"
