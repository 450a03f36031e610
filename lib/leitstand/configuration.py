"""Reads environment files: YAML on disk to a typed environment."""

import difflib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from leitstand.core.errors import InputError
from leitstand.project import environments_directory

if TYPE_CHECKING:
    from leitstand.core.environment import Environment

__all__ = [
    "InvalidEnvironment",
    "UnknownEnvironment",
    "build_checks",
    "environment_names",
    "learn_parsed",
    "load_environment",
    "parsed_files",
    "read_layers",
]

_parsed: Final[dict[str, str]] = {}
"""Contents that have been parsed, as JSON, by their SHA-256: YAML takes fifty times as long."""


class UnknownEnvironment(InputError):
    """No environment file has this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Meinten Sie „{near[0]}“?" if near else f"Wählen Sie eine von: {', '.join(known)}."
        super().__init__(f"Die Umgebung „{name}“ gibt es nicht.", hint)
        self.name = name
        self.known = known


class InvalidEnvironment(InputError):
    """An environment file cannot be read, or holds a value that is not possible."""

    def __init__(self, name: str, places: list[str]) -> None:
        super().__init__(
            f"Die Umgebung „{name}“ ist ungültig: {'; '.join(places)}.",
            f"Korrigieren Sie config/environments/base.yaml oder {name}.yaml.",
        )
        self.name = name
        self.places = places


def environment_names(directory: Path | None = None) -> list[str]:
    """Return the names of all environments, sorted."""
    directory = directory or environments_directory()
    return sorted(path.stem for path in directory.glob("*.yaml") if path.stem != "base")


def read_layers(name: str, directory: Path | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return base and overlay of an environment as plain data.

    Raises:
        UnknownEnvironment: there is no such file.
        InvalidEnvironment: a file is no YAML mapping.
    """
    directory = directory or environments_directory()
    known = environment_names(directory)
    if name not in known:
        raise UnknownEnvironment(name, known)
    layers: list[dict[str, Any]] = []
    for stem in ("base", name):
        data = _data(name, (directory / f"{stem}.yaml").read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise InvalidEnvironment(name, [f"{stem}.yaml enthält keine Schlüssel"])
        layers.append(data)
    return layers[0], layers[1]


def parsed_files() -> dict[str, str]:
    """Return the files that this process has parsed, for `learn_parsed` in another one."""
    return dict(_parsed)


def learn_parsed(files: Mapping[str, str]) -> None:
    """Learn what files say that another process has parsed; a file that has changed is parsed."""
    _parsed.update(files)


def build_checks() -> None:
    """Build what checks environment files; otherwise the first one to be read does."""
    from leitstand.core.environment import Environment

    Environment.model_rebuild()


def load_environment(name: str, directory: Path | None = None) -> "Environment":
    """Return the environment ``name``: the base with its overlay.

    Raises:
        UnknownEnvironment: there is no such file.
        InvalidEnvironment: a value is missing, unknown or not possible; all places are named.
    """
    from pydantic import ValidationError

    from leitstand.core.environment import Environment, merge

    base, overlay = read_layers(name, directory)
    try:
        return Environment.model_validate({**merge(base, overlay), "name": name})
    except ValidationError as error:
        places = [
            f"{'.'.join(str(part) for part in problem['loc']) or 'Datei'}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise InvalidEnvironment(name, places) from error


def _data(name: str, content: str) -> Any:
    """Return what a file says; anew each time, so that nobody changes it for others."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    if digest not in _parsed:
        import yaml

        # libyaml reads the same ten times as fast, where PyYAML has it.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            data = yaml.load(content, loader)
        except yaml.YAMLError as error:
            raise InvalidEnvironment(name, [" ".join(str(error).split())]) from error
        try:
            kept = json.dumps(data)
        except (TypeError, ValueError):  # a date, or a list that holds itself
            return data
        if json.loads(kept) != data:  # keys that are no texts
            return data
        _parsed[digest] = kept
    return json.loads(_parsed[digest])
