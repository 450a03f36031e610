"""What the runbook about logs says: checks, actions, causes; German."""

from collections.abc import Callable, Mapping
from typing import Any

from leitstand.core.errors import Finding, RunFailed
from leitstand.core.log_retention import Loss
from leitstand.core.names import short_name
from leitstand.core.plan import Action
from leitstand.core.release_checks import Check
from leitstand.notebook.wording import number

__all__ = ["LogsNotAsWanted", "LogsStillWrong", "ProbeNotArrived", "action_text", "check_text"]

Evidence = Mapping[str, Any]


class LogsNotAsWanted(Finding):
    """A run that only looked found checks that are red."""

    def __init__(self, failed: list[str]) -> None:
        super().__init__(
            f"Bei den Logs ist {_several(failed)}: {'; '.join(failed)}.",
            "Starten Sie das Runbook mit apply=True, oder beheben Sie, was der Plan nicht nennt.",
        )
        self.failed = failed


class LogsStillWrong(RunFailed):
    """Checks are red after the plan was applied."""

    def __init__(self, failed: list[str]) -> None:
        super().__init__(
            f"Nach der Änderung ist {_several(failed)}: {'; '.join(failed)}.",
            "Beheben Sie, was rot ist, von Hand oder mit dem Runbook provision.",
        )
        self.failed = failed


class ProbeNotArrived(RunFailed):
    """A probe entry did not become a row; a resumed run sends another.

    Attributes:
        cause: What to look at first.
    """

    def __init__(self, sink: str, cause: Loss) -> None:
        reason, advice = _LOSSES[cause]
        super().__init__(
            f"Der Probeeintrag der Senke {short_name(sink)} ist nicht in BigQuery angekommen:"
            f" {reason}.",
            advice,
        )
        self.cause = cause


def check_text(check: Check) -> tuple[str, str]:
    """Return the name of a check, and its evidence."""
    title, passed, failed = _CHECKS[check.id]
    return title(check.evidence), (passed if check.passed else failed)(check.evidence)


def action_text(action: Action) -> str:
    """Return what an action does."""
    arguments, name = action.arguments, short_name(action.target)
    if action.kind == "log_retention":
        days, before = arguments["days"], arguments["before"]
        text = f"Aufbewahrung von {name} auf {days} Tage setzen (bisher {before})"
        lost = f". Logging löscht alles, was älter als {days} Tage ist; das lässt sich nicht"
        return f"{text}{lost} zurücknehmen" if action.id.startswith("shorten-") else text
    if action.kind == "log_probe":
        return (
            f"Einen Probeeintrag schreiben und bis zu {number(arguments['deadline'])} s warten,"
            f" bis ihn die Senke {short_name(arguments['sink'])} nach BigQuery gebracht hat"
        )
    return _ACTIONS[action.kind].format(name=name, sink=short_name(arguments.get("sink", "")))


_ACTIONS = {
    "log_sink_create": "Die Senke {name} anlegen",
    "log_sink_update": "Ziel, Filter und Zustand der Senke {name} setzen",
    "log_sink_delete": "Die Senke {name} löschen",
    "log_grant": "Die Senke {sink} in das Dataset {name} schreiben lassen",
    "log_revoke": "Der Senke {sink} das Schreibrecht auf das Dataset {name} nehmen",
}

_LOSSES: Mapping[Loss, tuple[str, str]] = {
    Loss.NOT_LOGGED: (
        "Schon Logging zeigt ihn nicht",
        "Prüfen Sie die Logging-API und die Ausschlüsse von _Default; setzen Sie den Lauf fort.",
    ),
    Loss.NO_SINK: ("Die Senke gibt es nicht", "Starten Sie das Runbook noch einmal."),
    Loss.DISABLED: ("Die Senke ist ausgeschaltet", "Starten Sie das Runbook noch einmal."),
    Loss.DESTINATION: (
        "Die Senke schreibt woandershin",
        "Prüfen Sie, wer ihr Ziel geändert hat, und starten Sie das Runbook noch einmal.",
    ),
    Loss.NO_DATASET: (
        "Das Dataset gibt es nicht",
        "Legen Sie es mit dem Runbook provision an, und setzen Sie den Lauf fort.",
    ),
    Loss.NO_GRANT: (
        "Der Senke fehlt das Schreibrecht auf das Dataset",
        "Starten Sie das Runbook noch einmal, und prüfen Sie, wer das Recht entzogen hat.",
    ),
    Loss.FILTER: (
        "Die Senke hat einen anderen Filter als vereinbart",
        "Prüfen Sie, wer ihn geändert hat, und starten Sie das Runbook noch einmal.",
    ),
    Loss.EXCLUSION: (
        "Die Senke hat Ausschlüsse, und einer davon kann ihn verwerfen",
        "Löschen Sie die Ausschlüsse, die zu weit greifen, und setzen Sie den Lauf fort.",
    ),
    Loss.UNKNOWN: (
        "Senke, Filter und Recht sind richtig",
        "Setzen Sie den Lauf fort; logging.googleapis.com/sink_error nennt Fehler der Senke.",
    ),
}

_DIFFERS: Mapping[str, str] = {
    "missing": "Es gibt sie nicht",
    "destination": "Sie schreibt woandershin",
    "filter": "Sie hat einen anderen Filter",
    "partitioned": "Sie teilt die Tabellen anders auf",
    "disabled": "Sie ist ausgeschaltet",
}

_Text = Callable[[Evidence], str]
_CHECKS: Mapping[str, tuple[_Text, _Text, _Text]] = {
    "bucket_keeps": (
        lambda e: f"Der Log-Bucket {e['bucket']} behält Einträge lange genug",
        lambda e: f"{e['days']} Tage, verlangt sind {e['wanted']}",
        lambda e: (
            f"nur {e['days']} Tage, verlangt sind {e['wanted']}"
            if e["days"]
            else "Es gibt ihn nicht"
        ),
    ),
    "audit_kept": (
        lambda _: "Audit-Logs bleiben ungekürzt",
        lambda e: f"_Required behält sie {e['days']} Tage; niemand kann das ändern",
        lambda e: f"_Required behält sie {e['days']} Tage statt {e['wanted']}",
    ),
    "audit_not_dropped": (
        lambda e: f"Die Senke {e['sink']} verwirft keine Audit-Logs",
        lambda _: "kein Ausschluss greift nach ihnen",
        lambda e: (
            "Die Senke ist ausgeschaltet"
            if e["disabled"]
            else f"Ausschluss: {', '.join(e['exclusions'])}"
        ),
    ),
    "sink_as_wanted": (
        lambda e: f"Die Senke {e['sink']} ist wie vereinbart",
        lambda _: "Ziel und Filter stimmen",
        lambda e: ", ".join(_DIFFERS[name] for name in e["differs"]),
    ),
    "dataset_there": (
        lambda e: f"Das Dataset {e['dataset']} ist da",
        lambda _: "ja",
        lambda _: "nein; das Runbook provision legt es an",
    ),
    "sink_may_write": (
        lambda e: f"Die Senke {e['sink']} darf in das Dataset schreiben",
        lambda e: e["writer"].partition(":")[2],
        lambda e: (
            f"{e['writer'].partition(':')[2] or 'Die Schreibidentität'} fehlt in der Zugriffsliste"
        ),
    ),
    "rows_kept": (
        lambda _: "Exportierte Zeilen bleiben länger als die Logs selbst",
        lambda e: f"{number(e['days'])} Tage" if e["days"] else "sie laufen nicht ab",
        lambda e: f"Sie laufen schon nach {number(e['days'])} Tagen ab",
    ),
    "rows_arrive": (
        lambda _: "Es kommen Zeilen in BigQuery an",
        lambda e: f"Die neueste kam vor {_hours(e['hours'])}, in {e['table']}",
        lambda e: (
            f"Die neueste kam vor {_hours(e['hours'])}, erlaubt sind {_hours(e['allowed'])}"
            if e["hours"] is not None
            else "Es ist noch keine angekommen"
        ),
    ),
}


def _hours(hours: float) -> str:
    return f"{number(hours)} Stunden" if hours >= 1 else f"{number(hours * 60)} Minuten"


def _several(failed: list[str]) -> str:
    return "eine Prüfung rot" if len(failed) == 1 else f"mehreres rot ({len(failed)} Prüfungen)"
