"""What keeps records and locks on this machine: directories, and the key that signs."""

import os
from pathlib import Path
from typing import Final

from leitstand.core.doctor.finding import Finding
from leitstand.core.doctor.target import Target
from leitstand.core.errors import LeitstandError

__all__ = ["check_directory", "check_key"]

_OWN: Final = (
    "Nehmen Sie ein Verzeichnis, das Ihnen gehört, oder lassen Sie sich Schreibrecht geben."
)


def check_directory(title: str, directory: Path) -> Finding:
    """Return whether a directory is writable, or could be made."""
    standing = next((one for one in (directory, *directory.parents) if one.exists()), directory)
    if standing.is_dir() and os.access(standing, os.W_OK | os.X_OK):
        return Finding(title, "good", str(directory))
    return Finding(title, "bad", f"{directory} ist nicht beschreibbar", _OWN)


def check_key(target: Target) -> Finding:
    """Return whether this machine can sign records, and whether its key is trusted.

    Makes no key: one in a file is made by the first run.
    """
    from leitstand.notebook.record_signer import own_signer, signing_key

    path = signing_key()
    if path is not None and not path.exists():
        if not target.trusted_keys:
            return Finding("Schlüssel", "good", "entsteht beim ersten Lauf")
        return Finding("Schlüssel", "warn", "noch keiner auf diesem Rechner", _enter(target))
    try:
        own = own_signer().public
        trusted = target.trusted_keys
        known = not trusted or own.text in trusted
    except LeitstandError as error:
        return Finding("Schlüssel", "bad", error.message, error.advice)
    except OSError as error:
        return Finding("Schlüssel", "bad", f"{path}: nicht lesbar ({error.strerror})", _OWN)
    if not known:
        return Finding("Schlüssel", "warn", "Belege von hier gelten nicht", _enter(target))
    return Finding("Schlüssel", "good", "vorhanden und eingetragen" if trusted else "vorhanden")


def _enter(target: Target) -> str:
    place = f"config/environments/{target.name}.yaml"
    return f"Tragen Sie die Zeile aus leitstand audit key in {place} ein: records.trusted_keys."
