"""Whether this library may go on with a run that was begun elsewhere, or earlier."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from leitstand.core.open_run_errors import JournalTooNew, LibraryChanged, OtherProject
from leitstand.core.plan import Plan

__all__ = ["check_format", "check_left", "check_project", "library_text"]

Event = Mapping[str, Any]

_UNTOLD: Final = "ohne Angabe"


def check_format(run: str, started: Event, known: int) -> None:
    """Refuse a journal of a newer form; one that says nothing of its form is of the first.

    Args:
        run: Id of the run.
        started: Its event ``run.started``.
        known: The newest form that this library knows.

    Raises:
        JournalTooNew: it is newer, or says what cannot be understood.
    """
    said = started.get("format", 1)
    if not isinstance(said, int) or said > known:
        raise JournalTooNew(run, said, known)


def check_project(run: str, environment: str, started: Event, project: str) -> None:
    """Refuse a run that began in another project than the environment names now.

    Raises:
        OtherProject: it did.
    """
    before = str(started.get("project", ""))
    if before and before != project:
        raise OtherProject(run, environment, before, project)


def check_left(
    run: str,
    events: Iterable[Event],
    library: Mapping[str, Any],
    kinds: Collection[str],
) -> None:
    """Refuse a run that is begun where this library would do something else with what is left.

    A plan that is not begun is made anew, and approved anew where it differs. One that is begun
    stays as it was approved: this library must read exactly that plan, and know how to do each
    action of it.

    Args:
        run: Id of the run.
        events: Its journal.
        library: Version and digest of the lock, of this library.
        kinds: The kinds of actions that it knows.

    Raises:
        LibraryChanged: it reads another plan, or does not know an action.
    """
    events = list(events)
    started = next((event for event in events if event["event"] == "run.started"), {})
    before = started.get("library") or {}
    begun = {event["id"] for event in events if event["event"] == "action.intent"}
    done = {
        event["id"]
        for event in events
        if event["event"] == "action.outcome" and event.get("status") != "failed"
    }
    given = {event["digest"] for event in events if event["event"] == "approval.given"}
    for event in events:
        if event["event"] != "plan.made" or event["digest"] not in given:
            continue
        plan = _plan(event["plan"])
        said = [str(one.get("id", "")) for one in event["plan"].get("actions", ())]
        if not begun.intersection(said):
            continue
        what = ""
        if plan is None or plan.digest != event["digest"]:
            what = f"Er liest den freigegebenen Plan {str(event['digest'])[:12]} anders."
        elif left := [a for a in plan.actions if a.id not in done and a.kind not in kinds]:
            what = f"Er kennt die Aktion {left[0].id} ({left[0].kind}) nicht."
        if what:
            raise LibraryChanged(run, library_text(before), library_text(library), what)


def library_text(library: Mapping[str, Any]) -> str:
    """Return version and lock of a library as one text."""
    version = str(library.get("version") or _UNTOLD)
    lock = str(library.get("lock_digest") or "").removeprefix("sha256:")[:8]
    return f"{version} ({lock})" if lock else version


def _plan(data: Any) -> Plan | None:
    try:
        return Plan.from_data(data)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None
