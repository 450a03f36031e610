"""The journal as a timeline: one short line an event, by kind, in stretches that fold."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from leitstand.audit.record_page.event_words import GROUP_OF, GROUPS, NAMES, STATUS, TONES
from leitstand.audit.record_page.verdicts import VERDICTS, verdict_mark
from leitstand.audit.record_page.words import Tone, bounded, clock, counted, length, moment, utc

__all__ = ["Entry", "Stretch", "Timeline", "timeline_of"]

Event = Mapping[str, Any]

_STRETCH: Final = 500
_MOST: Final = 20_000


@dataclass(frozen=True)
class Entry:
    """One event.

    Attributes:
        seq: Its number, as it stands in the journal.
        at: Time of day, UTC.
        group: Key of ``GROUPS``.
        name: What happened.
        text: More of it, on one line.
        tone: What it means.
        note: What is odd about its number or time, or empty.
    """

    seq: str
    at: str
    group: str
    name: str
    text: str
    tone: Tone
    note: str


@dataclass(frozen=True)
class Stretch:
    """Events one after the other.

    Attributes:
        title: Which they are, and of when.
        entries: Themselves.
    """

    title: str
    entries: Sequence[Entry]


@dataclass(frozen=True)
class Timeline:
    """All events.

    Attributes:
        counts: How many there are of each kind.
        stretches: In order.
        left_out: How many more the journal holds than are shown.
    """

    counts: Mapping[str, int]
    stretches: Sequence[Stretch]
    left_out: int = 0


def timeline_of(events: Sequence[Event]) -> Timeline:
    """Return the timeline of a journal; of a gigantic one its beginning and its end."""
    chosen = events
    if len(events) > _MOST:
        chosen = [*events[: _MOST // 2], *events[-_MOST // 2 :]]
    titles: dict[str, str] = {}
    entries: list[Entry] = []
    before: Event | None = None
    for event in chosen:
        entries.append(_entry(event, before, titles))
        before = event
    stretches = [
        Stretch(_title(chosen[start : start + _STRETCH]), entries[start : start + _STRETCH])
        for start in range(0, len(entries), _STRETCH)
    ]
    counts = Counter(entry.group for entry in entries)
    return Timeline(
        {group: counts[group] for group in GROUPS if counts[group]},
        stretches,
        len(events) - len(chosen),
    )


def _entry(event: Event, before: Event | None, titles: dict[str, str]) -> Entry:
    kind = str(event.get("event"))
    tell = _TEXTS.get(kind, _rest)
    if kind == "step.started":
        titles[str(event.get("step"))] = bounded(event.get("title"))
    text = tell(event)
    if kind.startswith("step.") and kind != "step.started":
        text = " · ".join(filter(None, (titles.get(str(event.get("step")), ""), text)))
    return Entry(
        bounded(event.get("seq"), 12),
        clock(event.get("at")),
        GROUP_OF.get(kind.split(".")[0], "other"),
        NAMES.get(kind, bounded(kind, 40)),
        text,
        _tone(kind, event),
        _note(event, before),
    )


def _tone(kind: str, event: Event) -> Tone:
    if kind == "verdict":
        return verdict_mark(str(event.get("verdict"))).tone
    if kind in {"action.outcome", "cell.completed"} and event.get("status") == "failed":
        return Tone.BAD
    return TONES.get(kind, Tone.GOOD if kind == "action.outcome" else Tone.PLAIN)


def _note(event: Event, before: Event | None) -> str:
    if before is None:
        return "" if event.get("seq") == 1 else "Davor fehlen Ereignisse."
    seq, last = event.get("seq"), before.get("seq")
    notes = []
    if isinstance(seq, int) and isinstance(last, int) and seq > last + 1:
        notes.append(f"Nach Ereignis {last} fehlt etwas.")
    elif not isinstance(seq, int) or not isinstance(last, int) or seq <= last:
        notes.append(f"Davor steht Ereignis {bounded(last, 12)}; die Nummer passt nicht.")
    at, earlier = moment(event.get("at")), moment(before.get("at"))
    if at and earlier and at < earlier:
        notes.append(f"Die Uhr ging um {length((earlier - at).total_seconds())} zurück.")
    return " ".join(notes)


def _title(events: Sequence[Event]) -> str:
    first, last = events[0], events[-1]
    days = utc(first.get("at")).split(",")[0], utc(last.get("at")).split(",")[0]
    until = clock(last.get("at")) if days[0] == days[1] else f"{days[1]}, {clock(last.get('at'))}"
    span = f"{bounded(first.get('seq'), 12)} bis {bounded(last.get('seq'), 12)}"
    return f"Ereignisse {span}: {days[0]}, {clock(first.get('at'))} bis {until}"


def _joined(*parts: object) -> str:
    return " · ".join(filter(None, (bounded(part) for part in parts)))


def _outcome(event: Event) -> str:
    status = str(event.get("status"))
    return _joined(event.get("id"), STATUS.get(status, status), event.get("error"))


def _verdict(event: Event) -> str:
    verdict = str(event.get("verdict"))
    return _joined(event.get("stage"), VERDICTS.get(verdict, verdict))


def _plan(event: Event) -> str:
    plan = event.get("plan")
    plan = plan if isinstance(plan, dict) else {}
    actions = plan.get("actions")
    ids = ", ".join(
        str(action.get("id")) for action in actions[:20] if isinstance(action, dict)
    ) if isinstance(actions, list) else ""  # fmt: skip
    return _joined(plan.get("runbook"), plan.get("target"), ids)


def _approval(event: Event) -> str:
    until = event.get("expires_at") or event.get("until")
    return _joined(
        str(event.get("digest") or "")[:12],
        "" if event.get("message") else event.get("by"),
        f"bis {utc(until)}" if until else "",
        event.get("message") or event.get("reason"),
    )


def _observation(event: Event) -> str:
    calls = event.get("calls")
    return counted(calls, "Aufruf", "Aufrufe") if isinstance(calls, int) else _rest(event)


def _redaction(event: Event) -> str:
    masked = event.get("masked")
    places = masked.values() if isinstance(masked, dict) else ()
    return counted(sum(n for n in places if isinstance(n, int)), "Stelle", "Stellen")


def _cell(event: Event) -> str:
    source = event.get("source")
    first = next(iter(str(source or "").strip().splitlines()), "")
    return _joined(event.get("section"), bounded(first, 80))


def _ended_cell(event: Event) -> str:
    status = str(event.get("status") or "")
    return _joined(STATUS.get(status, status), length(event.get("duration")))


def _rest(event: Event) -> str:
    """Return what is known of a kind that nobody described."""
    parts = [
        f"{name}: {value}" if isinstance(value, str | int | float) else f"{name}: {_size(value)}"
        for name, value in list(event.items())[:12]
        if name not in {"seq", "at", "event"} and value not in (None, "", [], {})
    ]
    return bounded(" · ".join(bounded(part, 80) for part in parts), 240)


def _size(value: object) -> str:
    if isinstance(value, dict):
        return f"({', '.join(bounded(name, 20) for name in list(value)[:5])})"
    return f"({len(value)})" if isinstance(value, list) else bounded(value, 40)


_TEXTS: Final[Mapping[str, Callable[[Event], str]]] = {
    "action.intent": lambda e: _joined(e.get("id"), e.get("kind"), e.get("target")),
    "action.operation": lambda e: _joined(e.get("id"), e.get("operation") or "ohne Namen"),
    "action.outcome": _outcome,
    "approval.broken_glass": _approval,
    "approval.given": _approval,
    "approval.refused": _approval,
    "approval.requested": _approval,
    "cell.completed": _ended_cell,
    "cell.earlier": _cell,
    "cell.started": _cell,
    "error": lambda e: _joined(e.get("message"), e.get("class")),
    "observation": _observation,
    "plan.made": _plan,
    "redaction": _redaction,
    "run.completed": lambda _: "",
    "run.failed": lambda e: _joined(e.get("error"), e.get("message")),
    "run.resumed": lambda e: _joined(e.get("operator")),
    "run.rolled_back": lambda e: _joined(e.get("reason")),
    "run.started": lambda e: _joined(e.get("runbook"), e.get("env"), e.get("operator")),
    "step.completed": lambda e: length(e.get("elapsed")),
    "step.failed": lambda e: _joined(e.get("error")),
    "step.started": lambda e: _joined(e.get("title")),
    "verdict": _verdict,
}
