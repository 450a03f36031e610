"""``leitstand lock``: who works on what, and taking that over."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand.cli.german import Command, Group
from leitstand.cli.output import german_seconds, line, print_json, table
from leitstand.core.errors import InputError

if TYPE_CHECKING:
    from leitstand.core.locks import Holder
    from leitstand.execution.lock_evidence import Evidence
    from leitstand.execution.lock_store import LockStore
    from leitstand.execution.lock_takeover import Event, Held

__all__ = ["NoReason", "app"]

_SHORTEST = 10

app = typer.Typer(
    cls=Group,
    help="Zeigt, wer woran arbeitet, und übernimmt Sperren.",
    no_args_is_help=True,
)

Env = Annotated[str, typer.Option(metavar="UMGEBUNG", help="sandbox, staging, prod.")]
Json = Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")]
Named = Annotated[
    str, typer.Argument(metavar="LAUF", help="Kennung, ihr Anfang, oder eine Ressource.")
]


class NoReason(InputError):
    """Somebody wants to take a lock over, and does not say why."""

    def __init__(self) -> None:
        super().__init__(
            f"Eine Übernahme braucht einen Grund von mindestens {_SHORTEST} Zeichen.",
            "Nennen Sie ihn mit --reason; der bisherige Bediener liest ihn.",
        )


@app.command("list", cls=Command)
def list_(
    env: Env = "sandbox",
    log: Annotated[
        bool, typer.Option("--log", help="Was übernommen und zurückgegeben wurde.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Zeigt die Sperren einer Umgebung."""
    from leitstand.execution.lock_takeover import events, held

    store, me, evidence = _place(env)
    if log:
        _show_events(events(store), as_json=as_json)
    else:
        _show(held(store, me, evidence, env), as_json=as_json)


@app.command(cls=Command)
def take(
    lock: Named,
    env: Env = "sandbox",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Warum; Pflicht.")] = "",
    hold: Annotated[
        str, typer.Option("--for", metavar="DAUER", help="Wie lange reserviert, etwa 15m.")
    ] = "15m",
) -> None:
    """Nimmt einem Lauf seine Sperren und reserviert sie für Ihren nächsten Lauf."""
    from leitstand.core.approvals.duration import parse_duration
    from leitstand.execution.lock_takeover import take as take_over

    why = " ".join(reason.split())
    if len(why) < _SHORTEST:
        raise NoReason
    seconds = parse_duration(hold).total_seconds()
    store, me, evidence = _place(env)
    former = take_over(store, me, evidence, env, lock, why, seconds)
    line(
        f"✓ Die Sperren von {former.holder} gehören Ihnen, {german_seconds(seconds)} lang.", "green"
    )
    for target in former.targets:
        line(f"  {target}")
    line("  Der bisherige Lauf ändert nichts mehr und nennt Sie und den Grund.")


@app.command(cls=Command)
def release(lock: Named, env: Env = "sandbox") -> None:
    """Gibt die Sperren eines toten Laufs oder Ihre Reservierung zurück."""
    from leitstand.execution.lock_takeover import release as give_back

    store, me, evidence = _place(env)
    former = give_back(store, me, evidence, env, lock)
    line(f"✓ Die Sperren von {former.holder} sind frei.", "green")


def _place(env: str) -> "tuple[LockStore, Holder, Evidence]":
    from leitstand.configuration import load_environment
    from leitstand.notebook.locking import evidence_here, holder_here, lock_store_of
    from leitstand.notebook.operators import operator_of

    environment = load_environment(env)
    return lock_store_of(environment), holder_here(operator_of(env).name), evidence_here()


def _show(there: "list[Held]", *, as_json: bool) -> None:
    if as_json:
        print_json([_data(one) for one in there])
        return
    if not there:
        line("Niemand hält eine Sperre.")
        return
    rows = [
        (
            one.holder,
            ", ".join(target.rsplit("/", 1)[-1] for target in one.targets),
            one.lease.holder.operator if one.lease else "–",
            one.lease.holder.host if one.lease else "–",
            _why(one),
            german_seconds(one.silence),
            _STANDINGS[one.standing],
        )
        for one in there
    ]
    heads = ("Lauf", "Ressourcen", "Bediener", "Rechner", "Grund", "Letztes Zeichen", "Stand")
    table(heads, rows)


_STANDINGS = {"free": "frei", "mine": "Ihre", "held": "lebt", "stale": "tot"}


def _why(one: "Held") -> str:
    if one.lease is None:
        return "–"
    holder = one.lease.holder
    return one.lease.reason or " ".join(filter(None, (holder.runbook, holder.ticket)))


def _data(one: "Held") -> dict[str, object]:
    lease = one.lease.as_data() if one.lease else None
    return {
        "holder": one.holder,
        "targets": one.targets,
        "standing": str(one.standing),
        "silence": one.silence,
        "lease": lease,
    }


def _show_events(events: "list[Event]", *, as_json: bool) -> None:
    if as_json:
        print_json([vars(event) for event in events])
        return
    if not events:
        line("Niemand hat eine Sperre übernommen.")
        return
    words = {"taken": "übernommen", "released": "zurückgegeben"}
    table(
        ("Wann", "Was", "Von wem", "Rechner", "Lauf", "Grund"),
        [
            (
                _local(event.at),
                words.get(event.kind, event.kind),
                event.by,
                event.host,
                event.holder,
                event.reason,
            )
            for event in events
        ],
    )


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%d.%m.%Y %H:%M:%S}"
