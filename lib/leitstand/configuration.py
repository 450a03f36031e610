"""Reads environment files: YAML on disk to a typed environment."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leitstand.core.errors import InputError
from leitstand.project import environments_directory

if TYPE_CHECKING:
    from leitstand.core.environment import Environment

__all__ = [
    "InvalidEnvironment",
    "UnknownEnvironment",
    "environment_names",
    "load_environment",
    "read_layers",
]


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
    import yaml

    directory = directory or environments_directory()
    known = environment_names(directory)
    if name not in known:
        raise UnknownEnvironment(name, known)
    # libyaml reads the same ten times as fast, where PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    layers: list[dict[str, Any]] = []
    for stem in ("base", name):
        try:
            data = yaml.load((directory / f"{stem}.yaml").read_text(encoding="utf-8"), loader)
        except yaml.YAMLError as error:
            raise InvalidEnvironment(name, [" ".join(str(error).split())]) from error
        if not isinstance(data, dict):
            raise InvalidEnvironment(name, [f"{stem}.yaml enthält keine Schlüssel"])
        layers.append(data)
    return layers[0], layers[1]


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
