"""Pictures under ``.cache/site/pictures``, and whether they still show this repository."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PICTURES", "digest_of", "kept", "replace"]

PICTURES = Path(".cache") / "site" / "pictures"
LIST = "pictures.json"
SHOWN = ("lib/leitstand", "lib/requirements.lock", "config", "runbooks", "docs/rehearsals.yaml")
TAKEN_BY = "docs/hooks"


def digest_of(root: Path) -> str:
    """Return the digest over everything that the pictures show, and how. Read-only."""
    found = hashlib.sha256()
    hooks = root / TAKEN_BY
    places = [root / place for place in SHOWN]
    places += sorted([*hooks.glob("picture*.py"), *hooks.glob("rehears*.py")])
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                found.update(f"{path.relative_to(root).as_posix()}\n".encode())
                found.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{found.hexdigest()}"


def kept(root: Path) -> Mapping[str, Path]:
    """Return the kept pictures by name; none where they show an earlier repository. Read-only."""
    directory = root / PICTURES
    try:
        data = json.loads((directory / LIST).read_text("utf-8"))
        if data["digest"] != digest_of(root):
            return {}
        paths = [directory / str(name) for name in data["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {path.stem: path for path in paths if path.is_file()}


def replace(root: Path, new: Path, digest: str) -> None:
    """Keep the pictures of a directory in the place of all earlier ones.

    Args:
        root: The checkout.
        new: The pictures.
        digest: Over what they show, from before they were taken.
    """
    files = sorted(path.name for path in new.iterdir())
    data = {"digest": digest, "files": files}
    (new / LIST).write_text(json.dumps(data, indent=1) + "\n", "utf-8")
    place = root / PICTURES
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(new, place)
