"""Reads ``config/schedules.yaml``: YAML on disk to entries that were checked whole."""

import re
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from leitstand.configuration import environment_names, load_environment
from leitstand.core.schedule.checking import Checked, SchedulesInvalid, check_schedules
from leitstand.core.schedule.cron import Cron
from leitstand.core.schedule.entries import Schedules
from leitstand.notebook.template import list_templates, read_template
from leitstand.project import project_root, runbooks_directory

__all__ = ["ScheduleFile", "load_schedules", "read_cron"]

_PLACE = Path("config") / "schedules.yaml"
_DIGITS = r"[\d*/,-]+"
_MONTHS = r"(?:[\d*/,-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)+"
_WEEKDAYS = r"(?:[\d*/,-]|SUN|MON|TUE|WED|THU|FRI|SAT)+"
_FIELDS = (
    ("Minute", 60, 0, _DIGITS),
    ("Stunde", 24, 0, _DIGITS),
    ("Tag", 31, 1, _DIGITS),
    ("Monat", 12, 1, _MONTHS),
    ("Wochentag", 7, 0, _WEEKDAYS),
)
"""Name, how many values, the first of them, and what may stand there."""


@dataclass(frozen=True)
class ScheduleFile:
    """The file's content, checked.

    Attributes:
        entries: Every entry with its cron expression and the parameters of its runs.
        time_zone: IANA name of the zone.
        zone: The zone itself.
    """

    entries: tuple[Checked, ...]
    time_zone: str
    zone: tzinfo


def load_schedules(root: Path | None = None) -> ScheduleFile:
    """Return the entries of the project's schedule file; read-only.

    Raises:
        SchedulesInvalid: an entry cannot run, or the file is no such YAML.
        InvalidEnvironment: an environment file is not possible.
    """
    root = root or project_root()
    schedules = _parsed(root / _PLACE)
    directory = root / "config" / "environments"
    runbooks = [read_template(path) for path in list_templates(runbooks_directory())]
    entries = check_schedules(
        str(_PLACE),
        schedules,
        runbooks={template.name: template.parameters for template in runbooks},
        environments={name: load_environment(name, directory) for name in
                      environment_names(directory)},
        read_cron=read_cron,
    )  # fmt: skip
    return ScheduleFile(entries, schedules.time_zone, _zone(schedules.time_zone))


def read_cron(text: str) -> Cron:
    """Return a cron expression of five fields, as Celery's parser reads them.

    Raises:
        ValueError: it is none; the reason is German.
    """
    from celery.schedules import ParseException, crontab_parser

    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError("es müssen fünf Felder sein: Minute, Stunde, Tag, Monat, Wochentag")
    values: list[frozenset[int]] = []
    for field, (name, count, first, allowed) in zip(fields, _FIELDS, strict=True):
        # The parser takes names of weekdays anywhere, and ignores what follows a range.
        if re.fullmatch(allowed, field.upper()) is None:
            raise ValueError(f"„{field}“ ist keine Angabe für das Feld {name}")
        try:
            found = crontab_parser(count, first).parse(field)
        except (ParseException, ValueError, KeyError) as error:
            raise ValueError(f"„{field}“ ist keine Angabe für das Feld {name}") from error
        values.append(frozenset(found))
    return Cron(" ".join(fields), *values)


def _parsed(path: Path) -> Schedules:
    import yaml
    from pydantic import ValidationError

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), loader)
    except OSError as error:
        raise SchedulesInvalid(str(_PLACE), [error.strerror or "Lesefehler"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SchedulesInvalid(str(_PLACE), [f"kein gültiges YAML: {reason}"]) from error
    try:
        return Schedules.model_validate(data)
    except ValidationError as error:
        raise SchedulesInvalid(str(_PLACE), _places(error, data)) from error


def _places(error: Any, data: Any) -> list[str]:
    """Return the places of a pydantic error, each with the name of its entry, once."""
    places: dict[str, None] = {}
    for problem in error.errors():
        first, *rest = problem["loc"] or ("Datei",)
        where = str(first)
        if first == "schedules" and rest:
            entry = data["schedules"][rest[0]]
            name = entry.get("name", rest[0] + 1) if isinstance(entry, dict) else rest[0] + 1
            where = f"Zeitplan „{name}“, " + _dotted(rest[1:])
        places[f"{where}: {_REASONS.get(problem['type'], problem['msg'])}"] = None
    return list(places)


_REASONS = {
    "missing": "fehlt",
    "extra_forbidden": "diesen Schlüssel gibt es nicht",
    "string_type": "erwartet einen Text",
    "string_pattern_mismatch": "diese Schreibweise ist nicht möglich",
    "dict_type": "erwartet Schlüssel mit Werten",
    "list_type": "erwartet eine Liste",
    "int_type": "erwartet eine ganze Zahl",
    "int_parsing": "erwartet eine ganze Zahl",
    "too_short": "darf nicht leer sein",
}


def _dotted(parts: list[Any]) -> str:
    """Return the path without what pydantic adds for the members of a union."""
    kept = [str(part) for part in parts if str(part) not in _MEMBERS]
    return ".".join(kept) or "Eintrag"


_MEMBERS = {"bool", "int", "float", "str", "list[str]", "list[int]"}


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError) as error:
        raise SchedulesInvalid(
            str(_PLACE), [f"time_zone: die Zeitzone „{name}“ gibt es nicht"]
        ) from error
