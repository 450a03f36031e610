"""``leitstand audit seal``: seals what is not sealed yet, and sends what was kept."""

from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand import project
from leitstand.cli.audit_places import Env, Json, StoreAddress, open_records
from leitstand.cli.german import Command
from leitstand.cli.output import line, print_json
from leitstand.core.errors import ExitCode, RunFailed
from leitstand.notebook.record_signer import own_signer

if TYPE_CHECKING:
    from leitstand.audit.sealing_all import Attempt
    from leitstand.audit.store import Store

__all__ = ["NotAllSealed", "add_to"]


class NotAllSealed(RunFailed):
    """Some runs could not be sealed.

    Attributes:
        runs: Their ids.
    """

    def __init__(self, runs: list[str]) -> None:
        super().__init__(
            f"Nicht versiegelt: {', '.join(runs)}.",
            "Beheben Sie die Ursache, und rufen Sie „leitstand audit seal“ noch einmal auf.",
        )
        self.runs = runs


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(seal)


def seal(
    run: Annotated[
        list[str] | None, typer.Argument(metavar="LAUF…", help="Nur diese; sonst alle.")
    ] = None,
    crashed: Annotated[
        bool, typer.Option("--crashed", help="Auch Läufe, die abrissen oder offen blieben.")
    ] = False,
    store: StoreAddress = "",
    env: Env = "",
    as_json: Json = False,
) -> None:
    """Versiegelt beendete Läufe und reicht nach, was aufgehoben wurde."""
    from leitstand.audit.sealing_all import seal_all
    from leitstand.notebook.aftercare import find_run
    from leitstand.notebook.left_runs import complete_left_runs
    from leitstand.notebook.sealed import hindrance

    runs = project.runs_directory()
    if crashed:
        complete_left_runs(runs)
    named = [find_run(one).path.name for one in run or ()]

    @cache
    def store_of(name: str) -> "Store":
        return open_records(store, name)[1]

    attempts = []
    sealing = seal_all(
        *(runs, store_of, own_signer()),
        only=named,
        env=env,
        crashed=crashed,
        hindrance=hindrance,
    )
    for attempt in sealing:
        attempts.append(attempt)
        if not as_json:
            _show(attempt)
    failed = [attempt.run for attempt in attempts if attempt.error]
    if as_json:
        print_json([attempt.as_data() for attempt in attempts])
        if failed:
            raise typer.Exit(ExitCode.FAILED)
    elif not attempts:
        line("Alle beendeten Läufe sind versiegelt.")
    if failed:
        raise NotAllSealed(failed)


def _show(attempt: "Attempt") -> None:
    if attempt.error:
        line(f"✗ {attempt.run}: {attempt.error}", "red")
    elif attempt.waits:
        line(f"– {attempt.run} {attempt.waits}.")
    else:
        part = f", Teil {attempt.part}" if attempt.part > 1 else ""
        line(f"✓ {attempt.run}: Beleg {attempt.seq}{part}", "green")
