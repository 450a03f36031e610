"""The checks of ``leitstand doctor``: read-only, without network, and without a secret shown."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from leitstand import project
from leitstand.core.errors import LeitstandError

__all__ = ["Finding", "examine", "lock_differences"]

_KERNEL_DEADLINE = 1.5
_OLDEST_PYTHON = (3, 11)
_LOCK = Path("lib") / "requirements.lock"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        title: What was checked, German.
        state: ``good``, ``warn`` (works, but look at it) or ``bad`` (cannot run).
        detail: What was found, German.
        advice: What to do, empty when it is good.
    """

    title: str
    state: Literal["good", "warn", "bad"]
    detail: str
    advice: str = ""


def examine(env: str) -> list[Finding]:
    """Return the findings for one environment, in the order in which they matter."""
    kernel = _start_kernel_check()
    findings = [_python(), *_project(env)]
    findings.insert(2, _kernel(kernel))
    return findings


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if tuple(sys.version_info) < _OLDEST_PYTHON:
        return Finding("Python", "bad", version, "Installieren Sie Python 3.11 oder neuer.")
    return Finding("Python", "good", f"{version} ({sys.prefix})")


def _project(env: str) -> Iterator[Finding]:
    try:
        root = project.project_root()
    except LeitstandError as error:
        yield Finding("Projekt", "bad", error.message, error.advice)
        return
    yield _packages(root)
    yield Finding("Projekt", "good", str(root))
    yield _state_directory()
    yield _environment(env)
    yield _sandbox() if env == "sandbox" else _credentials()


def _packages(root: Path) -> Finding:
    lock = root / _LOCK
    try:
        differences = lock_differences(lock.read_text(encoding="utf-8"))
    except OSError:
        return Finding("Pakete", "warn", f"{_LOCK} fehlt", "Holen Sie die Datei aus git.")
    if not differences:
        return Finding("Pakete", "good", "wie festgeschrieben")
    shown = ", ".join(differences[:3]) + (" …" if len(differences) > 3 else "")
    detail = f"{len(differences)} anders als festgeschrieben: {shown}"
    missing = any(difference.endswith("fehlt") for difference in differences)
    return Finding(
        "Pakete", "bad" if missing else "warn", detail,
        "Führen Sie python3 -m nox -s rehearse aus, es installiert den Stand neu.",
    )  # fmt: skip


def lock_differences(lock: str) -> list[str]:
    """Return the packages of a lock that are missing here or have another version."""
    installed = {
        _normal(distribution.name): distribution.version
        for distribution in metadata.distributions()
        if distribution.name
    }
    differences = []
    for line in lock.splitlines():
        match = re.match(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;[^\\#]*)?", line)
        if match is None or not _applies(match[3]):
            continue
        found = installed.get(_normal(match[1]))
        if found is None:
            differences.append(f"{match[1]} fehlt")
        elif found != match[2]:
            differences.append(f"{match[1]} {found} statt {match[2]}")
    return differences


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _applies(marker: str | None) -> bool:
    if marker is None:
        return True
    try:
        from packaging.markers import InvalidMarker, Marker
    except ImportError:
        return False
    try:
        return bool(Marker(marker.strip("; ")).evaluate())
    except InvalidMarker:
        return False


def _start_kernel_check() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "import ipykernel.kernelapp, leitstand.notebook.kernel_main"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _kernel(process: subprocess.Popen[bytes]) -> Finding:
    advice = "Führen Sie python3 -m nox -s rehearse aus, es installiert die Pakete neu."
    deadline = time.monotonic() + _KERNEL_DEADLINE
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if process.poll() is None:
        process.kill()
        process.wait()
        return Finding("Kernel", "warn", "lädt langsam", "Prüfen Sie die Last dieses Rechners.")
    if process.returncode:
        return Finding("Kernel", "bad", "lädt nicht", advice)
    return Finding("Kernel", "good", "lädt")


def _state_directory() -> Finding:
    try:
        directory = project.state_directory()
        writable = os.access(directory, os.W_OK | os.X_OK)
    except OSError as error:
        directory, writable = Path(str(error.filename)), False
    if writable:
        return Finding("Läufe", "good", str(directory))
    advice = "Setzen Sie LEITSTAND_HOME auf ein Verzeichnis, das Ihnen gehört."
    return Finding("Läufe", "bad", f"{directory} ist nicht beschreibbar", advice)


def _environment(env: str) -> Finding:
    from leitstand.configuration import load_environment

    try:
        load_environment(env)
    except LeitstandError as error:
        return Finding("Umgebung", "bad", error.message, error.advice)
    return Finding("Umgebung", "good", env)


def _sandbox() -> Finding:
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


def _credentials() -> Finding:
    """Say whether application default credentials lie where Google's library looks for them."""
    advice = "Melden Sie sich mit gcloud auth application-default login an."
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        if Path(named).is_file():
            return Finding("Anmeldung", "good", "GOOGLE_APPLICATION_CREDENTIALS")
        return Finding("Anmeldung", "bad", "GOOGLE_APPLICATION_CREDENTIALS zeigt ins Leere", advice)
    directory = os.environ.get("CLOUDSDK_CONFIG")
    base = Path(directory) if directory else Path.home() / ".config" / "gcloud"
    if (base / "application_default_credentials.json").is_file():
        return Finding("Anmeldung", "good", "Anmeldung von gcloud vorhanden")
    if os.environ.get("CLOUD_RUN_JOB") or os.environ.get("K_SERVICE"):
        return Finding("Anmeldung", "good", "Dienstkonto von Cloud Run")
    return Finding("Anmeldung", "bad", "keine gefunden", advice)
