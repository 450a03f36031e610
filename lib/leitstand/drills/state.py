"""The state of the drill that is under way: a private file, written before each act.

``leitstand drill`` is a command of seconds; what it began outlives it, and this file tells the
next one what is there to be scored and to be cleaned away. Several commands may work on it at once.

::

    GateRefused
    ├── DrillOver        the drill was stopped meanwhile
    └── DrillUnderWay    another drill has not been stopped
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leitstand.core.errors import GateRefused
from leitstand.drills.processes import Helper

__all__ = ["DrillOver", "DrillState", "DrillUnderWay"]

_CLOSED = "stopping_at"


class DrillOver(GateRefused):
    """The drill was stopped meanwhile, or is being stopped, in another terminal."""

    def __init__(self) -> None:
        super().__init__(
            "Die Übung wurde inzwischen beendet.",
            "Beginnen Sie mit leitstand drill start eine neue. Lehnt der Befehl ab, räumen Sie"
            " zuerst mit leitstand drill stop auf.",
        )


class DrillUnderWay(GateRefused):
    """Another drill has not been stopped.

    Attributes:
        name: Of it; empty where it must not be told.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__(
            f"Die Übung {name} läuft noch." if name else "Es läuft noch eine Übung.",
            "Beenden Sie sie mit leitstand drill stop; vorher zeigt leitstand drill score, wie sie"
            " steht.",
        )
        self.name = name


class DrillState:
    """What is known of the drill that is under way. Every change is on disk when it returns.

    A change adds to what others wrote meanwhile. What is read is as of the last change.

    Attributes:
        path: The file; only its owner can read it.
    """

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.path = path
        self._content = content

    @classmethod
    def begin(cls, path: Path, name: str, *, surprise: bool = False) -> "DrillState":
        """Begin the state of a drill.

        Args:
            path: Of the file.
            name: Of the drill.
            surprise: Whether nobody chose it.

        Raises:
            DrillUnderWay: there is one already; of two at once, one ends like this.
        """
        content = _empty() | {"name": name, "surprise": surprise, "started_at": _now()}
        with _locked(path):
            other = cls.read(path)
            if other is not None:
                raise DrillUnderWay(other.public_name)
            _write(path, content)
        return cls(path, content)

    @classmethod
    def read(cls, path: Path) -> "DrillState | None":
        """Return the state of the drill that is under way; None without one."""
        content = _read(path)
        return None if content is None else cls(path, content)

    @property
    def name(self) -> str:
        """Of the drill; empty where its start was cut off before anything was done."""
        return str(self._content["name"])

    @property
    def surprise(self) -> bool:
        """Whether nobody chose it."""
        return bool(self._content["surprise"])

    @property
    def public_name(self) -> str:
        """Its name as long as it is under way; empty for a surprise, whose name tells too much."""
        return "" if self.surprise else self.name

    @property
    def started_at(self) -> datetime:
        """When the command began."""
        return datetime.fromisoformat(self._content["started_at"])

    def moment(self, name: str) -> datetime | None:
        """Return when something happened that ``mark`` was told; None while it has not."""
        text = self._content.get(f"{name}_at")
        return datetime.fromisoformat(text) if text else None

    def mark(self, name: str) -> None:
        """Write down that something happens now; the first time counts.

        Raises:
            DrillOver: the drill was stopped.
        """
        now = _now()
        self._change(lambda content: content.setdefault(f"{name}_at", now))

    @property
    def helpers(self) -> tuple[Helper, ...]:
        """The helper processes that were started, whether they still run or not."""
        return tuple(Helper.from_data(data) for data in self._content["helpers"])

    def add_helper(self, helper: Helper) -> None:
        """Write down a helper process.

        Raises:
            DrillOver: the drill was stopped.
        """
        self._change(lambda content: content["helpers"].append(helper.as_data()))

    def note(self, key: str, value: object) -> None:
        """Write down what a fault will need to be cleaned away, as JSON values; nothing secret.

        Raises:
            DrillOver: the drill was stopped.
        """
        self._change(lambda content: content["noted"].update({key: value}))

    def noted(self, key: str) -> Any:
        """Return what was written down under a key; None where nothing was."""
        return self._content["noted"].get(key)

    @property
    def load(self) -> Mapping[str, Any]:
        """The newest figures of the load; empty without load."""
        figures: Mapping[str, Any] = self._content.get("load") or {}
        return figures

    def keep_load(self, figures: Mapping[str, Any]) -> None:
        """Write down the figures of the load, so that they outlive it.

        Raises:
            DrillOver: the drill was stopped.
        """
        self._change(lambda content: content.update(load=dict(figures)))

    @property
    def load_before(self) -> Mapping[str, Any]:
        """The figures of the load just before the fault; empty without load."""
        figures: Mapping[str, Any] = self._content.get("load_before") or {}
        return figures

    def keep_load_before(self, figures: Mapping[str, Any]) -> None:
        """Write down the figures of the load just before the fault.

        Raises:
            DrillOver: the drill was stopped.
        """
        self._change(lambda content: content.update(load_before=dict(figures)))

    def close(self) -> None:
        """Write down that the drill is being stopped: from now on nobody adds to it.

        What is taken away then is no recovery. Again it changes nothing.

        Raises:
            DrillOver: it was stopped.
        """
        with _locked(self.path):
            self._content = self._mine()
            self._content.setdefault(_CLOSED, _now())
            _write(self.path, self._content)

    def check(self) -> None:
        """Look whether this drill is still under way; read-only.

        Raises:
            DrillOver: it was stopped, or is being stopped.
        """
        with _locked(self.path):
            self._open()

    def superseded(self) -> bool:
        """Return whether another drill is under way instead; read-only."""
        with _locked(self.path):
            found = _read(self.path)
        return found is not None and _identity(found) != _identity(self._content)

    def remove(self, mark: Path) -> None:
        """Forget the drill, and its mark in the sandbox; again, and for another's, nothing happens.

        Args:
            mark: A file that goes together with it.
        """
        with _locked(self.path):
            try:
                self._mine()
            except DrillOver:
                return
            mark.unlink(missing_ok=True)
            self.path.unlink()

    def _change(self, change: Callable[[dict[str, Any]], object]) -> None:
        with _locked(self.path):
            content = self._open()
            change(content)
            _write(self.path, content)
            self._content = content

    def _open(self) -> dict[str, Any]:
        """Return what the file says of this drill now, as long as nobody stops it."""
        found = self._mine()
        if _CLOSED in found:
            raise DrillOver
        return found

    def _mine(self) -> dict[str, Any]:
        """Return what the file says of this drill now."""
        found = _read(self.path)
        if found is None or _identity(found) != _identity(self._content):
            raise DrillOver
        return found


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of the file: its directory's, since each change replaces the file itself."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _identity(content: Mapping[str, Any]) -> tuple[str, str]:
    return str(content["name"]), str(content["started_at"])


def _empty() -> dict[str, Any]:
    begun = datetime.fromtimestamp(0, UTC).isoformat()
    return {"name": "", "surprise": False, "started_at": begun, "helpers": [], "noted": {}}


def _read(path: Path) -> dict[str, Any] | None:
    """Return what the file holds; nothing of a torn one, None without one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        content = {}
    return {**_empty(), **content}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat()
