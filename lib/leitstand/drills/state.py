"""The state of the drill that is under way: a private file, written before each act.

``leitstand drill`` is a command of seconds; what it began outlives it, and this file tells the
next one what is there to be scored and to be cleaned away.
"""

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leitstand.core.errors import GateRefused
from leitstand.drills.processes import Helper

__all__ = ["DrillState", "DrillUnderWay"]


class DrillUnderWay(GateRefused):
    """Another drill has not been stopped."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Die Übung {name} läuft noch.",
            "Beenden Sie sie mit leitstand drill stop; vorher zeigt leitstand drill score, wie sie"
            " steht.",
        )
        self.name = name


class DrillState:
    """What is known of the drill that is under way. Every change is on disk when it returns.

    Attributes:
        path: The file; only its owner can read it.
    """

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.path = path
        self._content = content
        self._lock = threading.Lock()

    @classmethod
    def begin(cls, path: Path, name: str, sandbox: int) -> "DrillState":
        """Begin the state of a drill.

        Args:
            path: Of the file.
            name: Of the drill.
            sandbox: Process id of the sandbox.

        Raises:
            DrillUnderWay: there is one already; of two at once, one ends like this.
        """
        content = {
            "name": name,
            "sandbox": sandbox,
            "started_at": _now(),
            "helpers": [],
            "noted": {},
        }
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            other = cls.read(path)
            raise DrillUnderWay(other.name if other else "?") from None
        state = cls(path, content)
        state._write()
        return state

    @classmethod
    def read(cls, path: Path) -> "DrillState | None":
        """Return the state of the drill that is under way; None without one."""
        try:
            content = json.loads(path.read_text(encoding="utf-8") or "{}")
        except FileNotFoundError:
            return None
        except ValueError:
            content = {}
        empty = {"name": "", "sandbox": 0, "started_at": _now(), "helpers": [], "noted": {}}
        return cls(path, {**empty, **content})

    @property
    def name(self) -> str:
        """Of the drill; empty where its start was cut off before anything was done."""
        return str(self._content["name"])

    @property
    def sandbox(self) -> int:
        """Process id of the sandbox in which it began."""
        return int(self._content["sandbox"])

    @property
    def started_at(self) -> datetime:
        """When the command began."""
        return datetime.fromisoformat(self._content["started_at"])

    def moment(self, name: str) -> datetime | None:
        """Return when something happened that ``mark`` was told; None while it has not."""
        text = self._content.get(f"{name}_at")
        return datetime.fromisoformat(text) if text else None

    def mark(self, name: str, at: datetime | None = None) -> None:
        """Write down that something happened, now or then; the first time counts."""
        with self._lock:
            self._content.setdefault(f"{name}_at", at.isoformat() if at else _now())
            self._write()

    @property
    def helpers(self) -> tuple[Helper, ...]:
        """The helper processes that were started, whether they still run or not."""
        return tuple(Helper.from_data(data) for data in self._content["helpers"])

    def add_helper(self, helper: Helper) -> None:
        """Write down a helper process."""
        with self._lock:
            self._content["helpers"].append(helper.as_data())
            self._write()

    def note(self, key: str, value: object) -> None:
        """Write down what a fault will need to be cleaned away, as JSON values; nothing secret."""
        with self._lock:
            self._content["noted"][key] = value
            self._write()

    def noted(self, key: str, default: Any = None) -> Any:
        """Return what was written down under a key."""
        return self._content["noted"].get(key, default)

    @property
    def load(self) -> Mapping[str, Any]:
        """The newest figures of the load; empty without load."""
        figures: Mapping[str, Any] = self._content.get("load") or {}
        return figures

    def keep_load(self, figures: Mapping[str, Any]) -> None:
        """Write down the figures of the load, so that they outlive it."""
        with self._lock:
            self._content["load"] = dict(figures)
            self._write()

    @property
    def load_before(self) -> Mapping[str, Any]:
        """The figures of the load just before the fault; empty without load."""
        figures: Mapping[str, Any] = self._content.get("load_before") or {}
        return figures

    def keep_load_before(self, figures: Mapping[str, Any]) -> None:
        """Write down the figures of the load just before the fault."""
        with self._lock:
            self._content["load_before"] = dict(figures)
            self._write()

    def remove(self) -> None:
        """Forget the drill."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        draft = self.path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(self._content, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def _now() -> str:
    return datetime.now(UTC).isoformat()
