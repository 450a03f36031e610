"""What of this machine a run needs: Python, a place for its state, and the sandbox."""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from leitstand import project
from leitstand.core.doctor.finding import Finding

__all__ = ["check_python", "check_sandbox", "check_state_directory"]

_OLDEST_PYTHON: Final = (3, 11)
_MEBIBYTE: Final = 1024 * 1024
_SPACE_WARN: Final = 1024 * _MEBIBYTE
_SPACE_BAD: Final = 100 * _MEBIBYTE


def check_python() -> Finding:
    """Return whether this Python is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if tuple(sys.version_info) < _OLDEST_PYTHON:
        return Finding("Python", "bad", version, "Installieren Sie Python 3.11 oder neuer.")
    return Finding("Python", "good", f"{version} ({sys.prefix})")


def check_state_directory() -> Finding:
    """Return whether runs can be written, and how much room they have."""
    try:
        directory = project.state_directory()
        writable = os.access(directory, os.W_OK | os.X_OK)
    except OSError as error:
        directory, writable = Path(str(error.filename)), False
    if not writable:
        advice = "Setzen Sie LEITSTAND_HOME auf ein Verzeichnis, das Ihnen gehört."
        return Finding("Läufe", "bad", f"{directory} ist nicht beschreibbar", advice)
    free = shutil.disk_usage(directory).free
    if free >= _SPACE_WARN:
        return Finding("Läufe", "good", f"{directory}, {free / _SPACE_WARN:.0f} GiB frei")
    advice = "Schaffen Sie Platz, oder setzen Sie LEITSTAND_HOME auf eine andere Platte."
    detail = f"{directory}, nur {free // _MEBIBYTE} MiB frei"
    return Finding("Läufe", "bad" if free < _SPACE_BAD else "warn", detail, advice)


def check_sandbox() -> Finding:
    """Return whether the sandbox runs or could be started."""
    from leitstand.sandbox import control

    try:
        running = control.find(project.sandbox_directory())
    except control.NotAnswering:
        advice = "Beenden Sie sie mit leitstand sandbox down."
        return Finding("Sandbox", "bad", "antwortet nicht", advice)
    if running is not None:
        return Finding("Sandbox", "good", f"läuft ({running.grpc})")
    return _loopback()


def _loopback() -> Finding:
    import socket

    try:
        with socket.create_server(("127.0.0.1", 0)):
            pass
    except OSError as error:
        advice = "Erlauben Sie Verbindungen auf 127.0.0.1."
        return Finding("Sandbox", "bad", f"kein Port auf 127.0.0.1 ({error.strerror})", advice)
    return Finding("Sandbox", "good", "startet bei Bedarf")
