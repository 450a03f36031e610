"""Where things lie: the project, its runbooks and the state of this machine."""

import os
from pathlib import Path

from leitstand.core.errors import InputError

__all__ = [
    "environments_directory",
    "places",
    "project_root",
    "runbooks_directory",
    "runs_directory",
    "sandbox_directory",
    "state_directory",
]

_MARK = Path("config") / "environments" / "base.yaml"


def project_root() -> Path:
    """Return the directory that holds ``config/environments/base.yaml``.

    It is what ``$LEITSTAND_PROJECT`` names; otherwise it is looked for above the working directory,
    then at the place that the package was installed from.

    Raises:
        InputError: no such directory was found, or the one that is named is none.
    """
    if named := os.environ.get("LEITSTAND_PROJECT"):
        if (Path(named) / _MARK).is_file():
            return Path(named).resolve()
        raise InputError(
            f"LEITSTAND_PROJECT nennt kein Leitstand-Projekt: In {named} fehlt {_MARK}.",
            "Setzen Sie die Variable auf das Verzeichnis des Projekts, oder entfernen Sie sie.",
        )
    here = Path.cwd()
    for candidate in (here, *here.parents, _source_checkout()):
        if (candidate / _MARK).is_file():
            return candidate.resolve()
    raise InputError(
        f"Hier liegt kein Leitstand-Projekt: {_MARK} fehlt.",
        "Wechseln Sie in das Projekt, oder setzen Sie LEITSTAND_PROJECT auf sein Verzeichnis.",
    )


def _source_checkout() -> Path:
    return Path(__file__).resolve().parents[2]


def environments_directory() -> Path:
    """Return the directory of the environment files."""
    return project_root() / "config" / "environments"


def runbooks_directory() -> Path:
    """Return the directory of the runbooks."""
    return project_root() / "runbooks"


def state_directory() -> Path:
    """Return the private directory for runs and the sandbox, made on first use.

    ``$LEITSTAND_HOME`` names it; otherwise it is ``.leitstand`` in the project.
    """
    named = os.environ.get("LEITSTAND_HOME")
    directory = Path(named).expanduser() if named else project_root() / ".leitstand"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory.resolve()


def runs_directory() -> Path:
    """Return the directory with one directory per run, made on first use."""
    directory = state_directory() / "runs"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def sandbox_directory() -> Path:
    """Return the directory of the sandbox; it may not exist yet.

    ``$LEITSTAND_SANDBOX`` names it; otherwise it lies in the state directory.
    """
    named = os.environ.get("LEITSTAND_SANDBOX")
    return Path(named).expanduser() if named else state_directory() / "sandbox"


def places() -> dict[str, str]:
    """Return the variables with which another process finds the same project and state."""
    return {
        "LEITSTAND_HOME": str(state_directory()),
        "LEITSTAND_PROJECT": str(project_root()),
        "LEITSTAND_SANDBOX": str(sandbox_directory().resolve()),
    }
