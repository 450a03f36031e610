"""``leitstand audit anchor``: keeps the end of the chain where its writer cannot change it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand import project
from leitstand.cli.audit_places import (
    Env,
    Json,
    Keys,
    StoreAddress,
    chain_name,
    open_records,
    own_anchors,
    trusted,
)
from leitstand.cli.german import Command
from leitstand.cli.output import line, print_json
from leitstand.core.errors import ExitCode, InputError, LeitstandError, RunFailed
from leitstand.notebook.record_signer import own_signer

if TYPE_CHECKING:
    from leitstand.audit.anchors import AnchorPlace

__all__ = ["NotAnchored", "NowhereToAnchor", "add_to"]


class NowhereToAnchor(InputError):
    """Nobody said where anchors are kept."""

    def __init__(self) -> None:
        super().__init__(
            "Es ist kein Ort für Anker bekannt.",
            "Nennen Sie gs://BUCKET/PRÄFIX, git: oder git:REMOTE, oder tragen Sie ihn unter"
            " records.anchors ein.",
        )


class NotAnchored(RunFailed):
    """Some places did not take the anchor.

    Attributes:
        places: Their addresses.
    """

    def __init__(self, places: list[str]) -> None:
        super().__init__(
            f"Nicht verankert in {', '.join(places)}.",
            "Beheben Sie die Ursache, und rufen Sie „leitstand audit anchor“ noch einmal auf.",
        )
        self.places = places


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(anchor)


def anchor(
    place: Annotated[
        list[str] | None,
        typer.Argument(metavar="ORT…", help="gs://…, git: oder git:REMOTE; sonst die eigenen."),
    ] = None,
    store: StoreAddress = "",
    env: Env = "",
    key: Keys = None,
    as_json: Json = False,
) -> None:
    """Verankert das Ende der Kette: signiert, dort, wo es niemand mehr ändern kann."""
    from leitstand.audit.anchors import anchor_head

    signer, chain, rows, failed = own_signer(), chain_name(env), [], []
    keys = trusted(key or (), env)
    _, records = open_records(store, env)
    for one in _places(place or (), env):
        try:
            made, new = anchor_head(records, chain, one, signer, keys)
        except OSError as error:
            failed.append(one.url)
            reason = error.message if isinstance(error, LeitstandError) else str(error)
            rows.append({"place": one.url, "error": reason})
            if not as_json:
                line(f"✗ {one.url} – {reason}", "red")
            continue
        weakness = _weakness(one)
        rows.append(
            {"place": one.url, "chain": chain, **made.head.as_data(), "at": made.at, "new": new}
            | {"weakness": weakness}
        )
        if not as_json:
            before = "" if new else " war schon verankert"
            line(f"✓ {one.url} – Beleg {made.head.seq}:{made.head.digest}{before}", "green")
            if weakness:
                line(f"  {weakness}", "yellow")
    if as_json:
        print_json(rows)
        if failed:
            raise typer.Exit(ExitCode.FAILED)
    if failed:
        raise NotAnchored(failed)


def _places(texts: Sequence[str], env: str) -> "list[AnchorPlace]":
    from leitstand.execution.store_opening import open_anchors

    texts = texts or own_anchors(env)
    if not texts:
        raise NowhereToAnchor
    return [open_anchors(text, project.project_root()) for text in texts]


def _weakness(place: "AnchorPlace") -> str:
    """Return why an anchor proves less than it could; who may not look is told nothing."""
    try:
        return place.weakness()
    except OSError:
        return ""
