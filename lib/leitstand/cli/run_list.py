"""What ``leitstand runs`` lists: the runs of this machine, and those that lie open in a store."""

from dataclasses import dataclass
from typing import Any

from leitstand import project
from leitstand.audit.index import RunEntry, list_runs
from leitstand.configuration import load_environment

__all__ = ["ListedRun", "listed"]

_HERE, _STORE, _BOTH = "hier", "Speicher", "hier, Speicher"


@dataclass(frozen=True)
class ListedRun:
    """A run in the list.

    Attributes:
        id: Its id.
        env: Name of its environment.
        operator: Who started it.
        ticket: Its ticket, or empty.
        started_at: ISO 8601, UTC.
        status: See `leitstand.audit.index.RunEntry`.
        place: Where it lies, in German.
        entry: What this machine has of it; None where it has nothing.
        url: Where its open state lies; empty where nowhere else.
    """

    id: str
    env: str
    operator: str
    ticket: str
    started_at: str
    status: str
    place: str
    entry: RunEntry | None = None
    url: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the run as JSON values: what this machine has of it, and where it lies."""
        own = ("id", "env", "operator", "ticket", "started_at", "status")
        here = {} if self.entry is None else {**vars(self.entry), "path": str(self.entry.path)}
        store = {"store": self.url} if self.url else {}
        return {**{name: getattr(self, name) for name in own}, **here, **store}


def listed(env: str = "") -> list[ListedRun]:
    """Return the runs, newest first.

    Args:
        env: Also the open runs in this environment's store; no store is asked when empty.

    Raises:
        UnknownEnvironment: there is none of this name.
        OpenStoreUnusable: the store does not answer.
    """
    here = {entry.id: entry for entry in list_runs(project.runs_directory())}
    stored = {}
    if env:
        from leitstand.notebook.open_runs import stored_runs

        stored = {run.id: run for run in stored_runs(load_environment(env))}
    rows = [
        ListedRun(
            *(e.id, e.env, e.operator, e.ticket, e.started_at, e.status),
            place=_BOTH if e.id in stored else _HERE,
            entry=e,
            url=stored[e.id].url if e.id in stored else "",
        )
        for e in here.values()
    ]
    rows += [
        ListedRun(
            *(s.id, s.env, s.operator, s.ticket, s.started_at, s.status), place=_STORE, url=s.url
        )
        for s in stored.values()
        if s.id not in here
    ]
    return sorted(rows, key=lambda row: (row.started_at, row.id), reverse=True)
