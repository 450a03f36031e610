"""The command ``leitstand``: reads arguments, calls, prints. One module per group of commands.

Heavy libraries are imported by the commands that need them, so that help and lists are quick.
"""

import sys
from collections.abc import Sequence

import typer

from leitstand.cli import (
    aftercare,
    approve,
    audit,
    doctor,
    drill,
    lab,
    lock,
    rehearse,
    run,
    runbooks,
    sandbox,
    schedule,
)
from leitstand.cli.german import Group, translate_help
from leitstand.cli.problems import report

__all__ = ["app", "main"]

app = typer.Typer(
    name="leitstand",
    cls=Group,
    help="Runbooks für den Betrieb: lesen, üben, ausführen, nachweisen.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
runbooks.add_to(app)
run.add_to(app)
aftercare.add_to(app)
approve.add_to(app)
rehearse.add_to(app)
lab.add_to(app)
doctor.add_to(app)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(schedule.app, name="schedule")
app.add_typer(drill.app, name="drill")
app.add_typer(lock.app, name="lock")
app.add_typer(audit.app, name="audit")

_BARE = (["audit"], ["drill"], ["lock"], ["sandbox"], ["schedule"])
"""Groups that show their help when no command of theirs is named."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or {"--help", "-h"} & set(given) or given in _BARE:
        translate_help()
    try:
        code = app(args=given, prog_name="leitstand", standalone_mode=False)
    except KeyboardInterrupt as error:
        code = report(error)
    except Exception as error:  # noqa: BLE001  # every error ends in one sentence and a code
        code = report(error)
    sys.exit(code if isinstance(code, int) else 0)
