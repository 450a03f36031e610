"""How a command takes a runbook's parameters: assignments, and files of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from leitstand.core.errors import InputError
from leitstand.core.parameter_errors import ParameterRepeated
from leitstand.core.parameters import parse_assignments
from leitstand.notebook.template import Template

__all__ = ["Assignments", "ParameterFileUnreadable", "ParameterFiles", "given_parameters"]

Assignments = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=WERT", help="Parameter; mehrfach möglich."),
]
ParameterFiles = Annotated[
    list[Path] | None,
    typer.Option("--file", "-y", metavar="DATEI", help="Parameter aus einer YAML-Datei."),
]


class ParameterFileUnreadable(InputError):
    """The file holds no YAML mapping of parameters.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Die Parameterdatei {path} ist nicht lesbar: {reason}.",
            "Schreiben Sie je Zeile „name: wert“.",
        )
        self.path = path


def given_parameters(
    template: Template,
    assignments: Sequence[str],
    files: Sequence[Path],
    switches: Mapping[str, str | bool],
) -> dict[str, object]:
    """Return the parameters of a run from files and assignments, the latter first.

    Raises:
        InputError: a file, an assignment or a name cannot be used.
    """
    given: dict[str, object] = {}
    for path in files:
        given.update(_read_file(path))
    assigned = parse_assignments(template.parameters, assignments)
    for name, value in switches.items():
        if value:
            if name in assigned:
                raise ParameterRepeated(name)
            assigned[name] = value
    return {**given, **assigned}


def _read_file(path: Path) -> dict[str, object]:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML whose times stay text, as in a notebook."""

    Loader.yaml_implicit_resolvers = {
        letter: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for letter, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        # A subclass of the safe loader.
        content: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
    except OSError as error:
        raise ParameterFileUnreadable(path, error.strerror or "Lesefehler") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterFileUnreadable(path, "kein gültiges YAML") from error
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ParameterFileUnreadable(path, "keine Zuordnung von Namen zu Werten")
    return content
