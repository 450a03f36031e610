"""``leitstand runbooks`` and ``leitstand show``: what there is, and how it is started."""

from pathlib import Path
from typing import Annotated

import typer

from leitstand import project
from leitstand.cli.german import Command
from leitstand.cli.output import line, print_json, table
from leitstand.core.errors import LeitstandError
from leitstand.core.parameters import Parameter
from leitstand.notebook.template import Template, find_template, list_templates, read_template

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(cls=Command)(runbooks)
    app.command(cls=Command)(show)


def runbooks(
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Zeigt alle Runbooks."""
    directory = project.runbooks_directory()
    found = [read_template(path) for path in list_templates(directory)]
    if as_json:
        print_json([_summary(template) for template in found])
        return
    table(("Runbook", "Aufgabe"), [(template.name, template.title) for template in found])


def show(
    runbook: Annotated[
        str, typer.Argument(metavar="RUNBOOK", help="Name oder Pfad; mit --commands auch ein Lauf.")
    ],
    commands: Annotated[
        bool, typer.Option("--commands", help="Die Schritte als Befehle zum Kopieren ausgeben.")
    ] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", "-p", metavar="NAME=WERT", help="Parameter für --commands; mehrfach."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Zeigt Zweck und Parameter eines Runbooks und wie man es startet."""
    if commands:
        from leitstand.cli.copy_mode import print_commands

        print_commands(runbook, parameter or (), _directory)
        return
    template = read_template(find_template(runbook, _directory(runbook)))
    if as_json:
        print_json(_summary(template))
        return
    line(template.title, "bold")
    if template.purpose:
        line("")
        _markdown(template.purpose)
    if template.parameters:
        line("")
        table(
            ("Parameter", "Vorgabe", "Werte", "Bedeutung"),
            [(p.name, _default(p), _values(p), p.help) for p in template.parameters],
        )
    line("")
    line("So starten Sie es:", "bold")
    for command in _commands(runbook, template):
        line(f"  {command}")


def _directory(runbook: str) -> Path | None:
    """Return where runbooks lie; None without a project, of which a path needs none."""
    try:
        return project.runbooks_directory()
    except LeitstandError:
        if not Path(runbook).is_file():
            raise
        return None


def _summary(template: Template) -> dict[str, object]:
    return {
        "name": template.name,
        "title": template.title,
        "purpose": template.purpose,
        "path": str(template.path),
        "digest": template.digest,
        "parameters": [
            {
                "name": parameter.name,
                "type": parameter.type,
                "default": parameter.default,
                "help": parameter.help,
                "choices": list(parameter.choices),
                "minimum": parameter.minimum,
                "maximum": parameter.maximum,
            }
            for parameter in template.parameters
        ],
    }


def _markdown(text: str) -> None:
    from rich.markdown import Markdown

    from leitstand.cli.output import console

    console().print(Markdown(text), width=min(80, console().width))


def _default(parameter: Parameter) -> str:
    match parameter.default:
        case bool():
            return "ja" if parameter.default else "nein"
        case list():
            return ",".join(str(item) for item in parameter.default)
    return str(parameter.default)


def _values(parameter: Parameter) -> str:
    if parameter.choices:
        return ", ".join(str(choice) for choice in parameter.choices)
    word = {
        "str": "Text",
        "int": "ganze Zahl",
        "float": "Zahl",
        "bool": "ja, nein",
        "datetime": "Zeitpunkt mit Zeitzone",
        "list[str]": "Liste von Texten",
        "list[int]": "Liste ganzer Zahlen",
    }[parameter.type]
    if parameter.minimum is None:
        return word
    return f"{word} von {parameter.minimum} bis {parameter.maximum}"


def _commands(runbook: str, template: Template) -> list[str]:
    own = [p for p in template.parameters if p.name not in {"env", "ticket", "apply"}]
    example = f" -p {own[0].name}={_default(own[0])}" if own else ""
    commands = [f"leitstand lab {runbook}", f"leitstand run {runbook}{example}"]
    if any(parameter.name == "apply" for parameter in template.parameters):
        commands.append(f"leitstand run {runbook}{example} --apply")
    return commands
