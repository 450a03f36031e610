"""What a run is made of: the commit of its checkout, the library, and the versions it is pinned to.

A container has no checkout: there the image tells its commit in ``LEITSTAND_COMMIT``.
"""

import hashlib
import os
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

__all__ = ["COMMIT_VARIABLE", "provenance"]

COMMIT_VARIABLE: Final = "LEITSTAND_COMMIT"
_LOCK: Final = "lib/requirements.lock"
_DEADLINE: Final = 5.0
_COMMIT: Final = "# branch.oid "  # git-status(1), Porcelain Format Version 2
_NONE_YET: Final = "(initial)"


def provenance(project: Path | None) -> dict[str, Any]:
    """Return the fields ``git`` and ``library`` of ``run.started``.

    Reads the checkout with git, and changes nothing in it. What cannot be told is left empty:
    ``dirty`` is None where nobody could look.

    Args:
        project: Root of the project; None outside of one.
    """
    commit, dirty = _checkout(project) if project is not None else ("", None)
    return {
        "git": {"commit": commit or os.environ.get(COMMIT_VARIABLE, ""), "dirty": dirty},
        "library": {"version": _version(), "lock_digest": _lock_digest(project)},
    }


def _checkout(project: Path) -> tuple[str, bool | None]:
    """Return the commit, and whether something differs from it; both from one look."""
    # Untracked files count: a runbook that nobody committed could be one of them.
    look = ("--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=normal")
    told = _git(project, "status", *look)
    if told is None:
        return (_git(project, "rev-parse", "--verify", "HEAD") or "").strip(), None
    lines = told.splitlines()
    commit = next((li.removeprefix(_COMMIT) for li in lines if li.startswith(_COMMIT)), _NONE_YET)
    if commit == _NONE_YET:
        return "", None
    return commit, any(not line.startswith("# ") for line in lines)


def _git(project: Path, *arguments: str) -> str | None:
    """Return what git prints; None where there is no git, no checkout, or no answer in time."""
    # The optional lock would be a change; hooks and file monitors would be foreign processes.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_DEADLINE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _version() -> str:
    try:
        return version("leitstand")
    except PackageNotFoundError:
        return ""


@cache
def _lock_digest(project: Path | None) -> str:
    if project is None:
        return ""
    try:
        content = (project / _LOCK).read_bytes()
    except OSError:
        return ""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
