"""Whether the packages installed here are those of the lock."""

import re
import sys
from pathlib import Path
from typing import Final

from leitstand.core.doctor.finding import Finding

__all__ = ["check_packages", "lock_differences"]

_LOCK: Final = Path("lib") / "requirements.lock"
_ADVICE: Final = "Führen Sie python3 -m nox -s rehearse aus, es installiert den Stand neu."
_PIN: Final = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;[^\\#]*)?")


def check_packages(root: Path) -> Finding:
    """Return whether what is installed is what the project's lock states."""
    try:
        differences = lock_differences((root / _LOCK).read_text(encoding="utf-8"))
    except OSError:
        return Finding("Pakete", "warn", f"{_LOCK} fehlt", "Holen Sie die Datei aus git.")
    if not differences:
        return Finding("Pakete", "good", "wie festgeschrieben")
    shown = ", ".join(differences[:3]) + (" …" if len(differences) > 3 else "")
    detail = f"{len(differences)} anders als festgeschrieben: {shown}"
    missing = any(difference.endswith("fehlt") for difference in differences)
    return Finding("Pakete", "bad" if missing else "warn", detail, _ADVICE)


def lock_differences(lock: str) -> list[str]:
    """Return the packages of a lock that are missing here or have another version."""
    installed = _installed()
    differences = []
    for line in lock.splitlines():
        match = _PIN.match(line)
        if match is None or not _applies(match[3]):
            continue
        found = installed.get(_normal(match[1]))
        if found is None:
            differences.append(f"{match[1]} fehlt")
        elif found != match[2]:
            differences.append(f"{match[1]} {found} statt {match[2]}")
    return differences


def _installed() -> dict[str, str]:
    """Return versions by name, as the directories beside the packages name them.

    Reading the files in them, as ``importlib.metadata`` does, takes a second.
    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    found: dict[str, str] = {}
    for place in sys.path:
        for info in Path(place or ".").glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            found.setdefault(_normal(name), version)
    return found


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
