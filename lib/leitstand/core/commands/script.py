"""The whole text of copy mode: what is left of a run's plans, and their ways back."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from leitstand.core.commands.block import Block, Setting
from leitstand.core.commands.families import block_of
from leitstand.core.commands.waiting import waiting_for
from leitstand.core.plan import Action, Plan

__all__ = ["Progress", "Stage", "script"]

_WIDTH = 94
_TOOLS = (
    "Gebraucht werden gcloud (angemeldet mit gcloud auth login), curl, psql und redis-cli mit einem"
    " Weg zu den privaten Adressen, für manche Schritte openssl und bq."
)
_MANNER = (
    "Kopieren Sie Befehl für Befehl, und prüfen Sie nach jedem Schritt. Hier hält Sie keine Sperre,"
    " keine Freigabe und kein Journal auf: Schreiben Sie mit, was Sie tun."
)
_AFTERWARDS = (
    "Geht Leitstand wieder, setzen Sie den Lauf fort: Er liest zuerst die Welt und tut nichts"
    " doppelt."
)
_SANDBOX = (
    "gcloud, bq und psql über gcloud erreichen die Sandbox nicht; die Befehle mit curl gehen,"
    " solange sie läuft. Steht dort sandbox.invalid, läuft sie nicht: leitstand sandbox up, dann"
    " noch einmal ausgeben."
)
_SINCE = (
    "Was der Lauf nach diesem Stand getan hat, steht in journal.jsonl (action.intent,"
    " action.outcome)."
)
_ENDLESS = (
    "Ist nach 30 Minuten (bei Cloud SQL nach 60) kein Ende da, oder antwortet die Abfrage mit 404,"
    " prüfen Sie, wie es steht; bei 401 und 403 hilft gcloud auth login."
)
_TURNED = "Der Rückweg ist begonnen: Gehen Sie hier nicht weiter, sondern unten zurück."
_GUARD = "echo 'Zum Kopieren, Schritt für Schritt; nicht als Ganzes ausführen.' >&2\nexit 64"


@dataclass(frozen=True)
class Progress:
    """How far an action came.

    Attributes:
        begun: It was announced, so it may have been started.
        operation: Name of the operation that it started, once known.
        done: It reached its goal.
        failed: It ended otherwise.
    """

    begun: bool = False
    operation: str = ""
    done: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Stage:
    """A plan, and how far its actions came.

    Attributes:
        approved_by: Who approved it; empty where nobody has.
        ended: Whether the run is over for good, so that nothing of it is left.
        progress: By action id; an action that is not named was never begun.
    """

    plan: Plan
    approved_by: str = ""
    ended: bool = False
    progress: Mapping[str, Progress] = field(default_factory=dict)

    def of(self, action: Action) -> Progress:
        """Return how far an action came."""
        return self.progress.get(action.id, Progress())


def script(
    stages: Sequence[Stage], setting: Setting, *, runbook: str, now: datetime, ticket: str = ""
) -> str:
    """Return what is left of plans as a text for a shell.

    It is to be copied from: run as a whole, it ends at once.

    Args:
        stages: The plans of a run in their order.
        setting: Where they act.
        runbook: Name of the runbook.
        now: When this was written; shown in UTC.
        ticket: Of the run.
    """
    title = f"Runbook {runbook}, Umgebung {setting.environment} (Projekt {setting.project})"
    run = f", Lauf {setting.run}" if setting.run else ""
    parts = [
        "#!/usr/bin/env bash",
        "# shellcheck disable=SC2317",
        _comment(f"{title}{run}{f', Ticket {ticket}' if ticket else ''}."),
        _comment(f"Stand {now:%d.%m.%Y %H:%M} UTC."),
        *([_comment(_SINCE)] if setting.run else []),
        "#",
        *map(_comment, (_MANNER, _TOOLS, _AFTERWARDS)),
    ]
    if setting.endpoint:
        parts.append(_comment(_SANDBOX))
    parts += ["", _GUARD]
    for stage in stages:
        parts += ["", *_plan(stage, setting)]
    for stage in reversed(stages):
        parts += ["", *_way_back(stage, setting)]
    return "\n".join(parts).rstrip() + "\n"


def _plan(stage: Stage, setting: Setting) -> list[str]:
    plan = stage.plan
    approval = f"freigegeben von {stage.approved_by}" if stage.approved_by else "nicht freigegeben"
    parts = [_title(f"Plan {plan.runbook} ({plan.digest[:12]}), {approval}")]
    if stage.ended:
        return [*parts, _comment("Der Lauf ist zu Ende; es bleibt nichts zu tun.")]
    if not plan.actions:
        return [*parts, _comment("Es ist nichts zu ändern.")]
    turned = any(stage.of(action).begun for action in plan.way_back)
    if turned:
        parts.append(_comment(_TURNED))
    elif setting.second_person and not stage.approved_by:
        parts.append(_comment("Lassen Sie den Plan von der zweiten Person freigeben, bevor Sie"
                              " etwas davon tun."))  # fmt: skip
    for place, action in enumerate(plan.actions, 1):
        found = stage.of(action)
        title = f"{place}/{len(plan.actions)} {action.id}"
        if found.done:
            parts += ["", _comment(f"✓ {title}: schon getan.")]
            continue
        if turned:
            parts += ["", _comment(f"{title}: {'begonnen' if found.begun else 'nicht begonnen'}.")]
            continue
        parts += ["", _step(title)]
        if action.id == plan.point_of_no_return:
            parts.append(_comment("Nach diesem Schritt gibt es keinen Rückweg mehr."))
        parts += _left(action, found, setting)
    return parts


def _left(action: Action, found: Progress, setting: Setting) -> list[str]:
    block = block_of(action, setting)
    if found.begun and not found.failed and found.operation:
        waiting = waiting_for(action, found.operation, setting)
        told = f"Schon begonnen ({found.operation}): Lösen Sie es nicht noch einmal aus."
        parts = [_comment(block.what), _comment(told)]
        if waiting:
            parts += [_comment("Warten Sie auf das Ende:"), waiting, _comment(_ENDLESS)]
        return [*parts, *_check(block)]
    parts = [_comment(block.what)]
    if found.begun:
        told = (
            "Der letzte Versuch ist gescheitert. Sehen Sie zuerst nach, wie es steht:"
            if found.failed
            else "Vielleicht schon begonnen. Sehen Sie zuerst nach, ob es schon so ist:"
        )
        parts += [_comment(told), *block.looks, _comment("Nur wenn es noch nicht so ist:")]
    return [*parts, *_body(block)]


def _body(block: Block) -> list[str]:
    parts = [_comment(f"Beachten: {note}") for note in block.notes]
    return [*parts, *_spaced(block.commands), *_check(block)]


def _check(block: Block) -> list[str]:
    if not block.check:
        return []
    return [_comment(f"Danach prüfen: {block.check}"), *_spaced(block.looks)]


def _way_back(stage: Stage, setting: Setting) -> list[str]:
    plan = stage.plan
    parts = [_title(f"Rückweg von {plan.runbook}")]
    limit = plan.point_of_no_return
    if stage.ended:
        return [*parts, _comment("Der Lauf ist zu Ende; nehmen Sie nichts mehr zurück.")]
    if limit and stage.progress.get(limit, Progress()).begun:
        return [*parts, _comment(f"Es gibt keinen mehr: {limit} ist schon begonnen.")]
    if not plan.way_back:
        return [*parts, _comment("Dieser Plan hat keinen Rückweg.")]
    told = "Nehmen Sie ihn ganz, in dieser Reihenfolge, und nur was Sie getan haben zurück."
    parts.append(_comment(f"{told} {plan.restored}".rstrip()))
    for place, action in enumerate(plan.way_back, 1):
        found = stage.of(action)
        title = f"Zurück {place}/{len(plan.way_back)} {action.id}"
        if found.done:
            parts += ["", _comment(f"✓ {title}: schon getan.")]
        else:
            parts += ["", _step(title), *_left(action, found, setting)]
    return parts


def _spaced(commands: Sequence[str]) -> list[str]:
    """Return commands with a line between those of several lines."""
    if any("\n" in one for one in commands):
        return [line for one in commands for line in (one, "")][:-1]
    return list(commands)


def _title(text: str) -> str:
    return _comment(f"══ {text} ══")


def _step(text: str) -> str:
    return _comment(f"── {text} ──")


def _comment(text: str) -> str:
    """Return a text as comments; whatever it holds, no line of it is read by the shell."""
    return textwrap.fill(
        " ".join(text.split()),
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
