"""``leitstand audit …``: the sealed records of all runs: list, search, show, verify, hand on."""

from typing import TYPE_CHECKING, Annotated

import typer

from leitstand.cli import audit_anchor, audit_export, audit_seal, audit_show, audit_verify
from leitstand.cli.audit_places import Env, Json, StoreAddress, moment, open_index, open_records
from leitstand.cli.german import Command, Group
from leitstand.cli.output import line, print_json, problems, table

if TYPE_CHECKING:
    from leitstand.audit.record_index import RecordIndex
    from leitstand.core.records.row import RecordRow

__all__ = ["app"]

app = typer.Typer(
    cls=Group,
    help="Belege: versiegelte Läufe zeigen, suchen, prüfen, ausgeben.",
    no_args_is_help=True,
)
audit_show.add_to(app)
audit_verify.add_to(app)
audit_export.add_to(app)
audit_seal.add_to(app)
audit_anchor.add_to(app)

_MANY = 5000
"""From so many unread records on, the first look says that it takes a while."""

Runbook = Annotated[str, typer.Option(metavar="RUNBOOK", help="Nur dieses Runbook.")]
Operator = Annotated[str, typer.Option(metavar="BEDIENER", help="Nur dieser Bediener.")]
Status = Annotated[str, typer.Option(metavar="ERGEBNIS", help="Etwa completed oder failed.")]
Ticket = Annotated[str, typer.Option(metavar="TICKET", help="Nur dieses Ticket.")]
Since = Annotated[str, typer.Option(metavar="ZEIT", help="Ab 2026-11-26, oder seit 7d, 12h.")]
Until = Annotated[str, typer.Option(metavar="ZEIT", help="Vor diesem Zeitpunkt.")]
Most = Annotated[int, typer.Option("--most", "-n", min=1, help="Höchstens so viele.")]


@app.command("list", cls=Command)
def listing(
    env: Env = "",
    runbook: Runbook = "",
    operator: Operator = "",
    status: Status = "",
    ticket: Ticket = "",
    since: Since = "",
    until: Until = "",
    most: Most = 20,
    store: StoreAddress = "",
    as_json: Json = False,
) -> None:
    """Zeigt die Belege, den neuesten zuerst; geprüft sind sie damit nicht."""
    rows = _index(store, env).search(
        env=env, runbook=runbook, operator=operator, status=status, ticket=ticket,
        since=moment(since), until=moment(until), limit=most,
    )  # fmt: skip
    _show(rows, as_json=as_json)


@app.command(cls=Command)
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Wörter, die alle vorkommen.")],
    env: Env = "",
    runbook: Runbook = "",
    operator: Operator = "",
    status: Status = "",
    ticket: Ticket = "",
    since: Since = "",
    until: Until = "",
    most: Most = 20,
    store: StoreAddress = "",
    as_json: Json = False,
) -> None:
    """Sucht Belege nach Wörtern: Parameter, Ressourcen, Pläne, Personen, Meldungen."""
    rows = _index(store, env).search(
        text, env=env, runbook=runbook, operator=operator, status=status, ticket=ticket,
        since=moment(since), until=moment(until), limit=most,
    )  # fmt: skip
    _show(rows, as_json=as_json)


@app.command(cls=Command)
def key(as_json: Json = False) -> None:
    """Zeigt den öffentlichen Schlüssel, mit dem dieser Rechner Belege unterschreibt."""
    from leitstand.notebook.kernel_process import KEY_VARIABLE
    from leitstand.notebook.record_signer import own_signer, signing_key

    public, path = own_signer().public, signing_key()
    if as_json:
        print_json({"id": public.id, "public_key": public.text, "path": str(path or "")})
        return
    where = path or f"der Variablen {KEY_VARIABLE}"
    line(f"Der private Schlüssel liegt in {where}; geben Sie ihn nicht weiter.")
    line("Tragen Sie diese Zeile unter records.trusted_keys ein:")
    line(public.text)


def _index(store: str, env: str) -> "RecordIndex":
    """Return the index over the records, up to date."""
    address, records = open_records(store, env)
    index = open_index(address)
    index.update(records, _Progress())
    return index


class _Progress:
    """Says once that much must be read, so that the first look does not seem to hang."""

    def __init__(self) -> None:
        self._told = False

    def __call__(self, read: int, of: int) -> None:
        if not self._told and of - read > _MANY:
            self._told = True
            problems().print(f"{of - read} Belege werden erstmals gelesen …", soft_wrap=True)


def _show(rows: "list[RecordRow]", *, as_json: bool) -> None:
    from leitstand.cli.plan_text import visible
    from leitstand.cli.run import local_time
    from leitstand.core.records.row import UNREADABLE
    from leitstand.notebook.wording import STATUS

    if as_json:
        print_json([row.as_data() for row in rows])
        return
    if not rows:
        line("Keine Belege.")
        return
    words = {**STATUS, UNREADABLE: "nicht lesbar"}
    table(
        ("Beleg", "Lauf", "Umgebung", "Bediener", "Ticket", "Freigabe", "Beginn", "Ergebnis"),
        [
            (
                str(row.seq),
                visible(row.run) + (f" ({row.part})" if row.part > 1 else "") or "–",
                visible(row.env),
                visible(row.operator),
                visible(row.ticket) or "–",
                ("Notfall: " if row.broken_glass else "") + visible(row.approved_by) or "–",
                visible(local_time(row.started_at)),
                words.get(row.status, visible(row.status)),
            )
            for row in rows
        ],
    )
