"""Is it the database: out of reach, locked, or out of connections?"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from leitstand.core.database_state import Block, OpenTransaction, Session
from leitstand.core.german import count, duration, listing, percent
from leitstand.core.sessions import first_holders, waiting_behind
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.signals import Missing, Silence, Source
from leitstand.core.triage.store_signals import DatabaseSignal
from leitstand.core.triage.view import Suspect, Talk, View
from leitstand.core.triage.way_back import recovery

__all__ = ["connections_exhausted", "databases_down", "locked_databases"]

_ALL_FEEL_IT = "Alle, die mit Daten arbeiten: Seiten und Aufgaben warten oder scheitern."
_DEVIATIONS = Treatment(
    "deviations", {}, "Vergleicht die Umgebung mit ihrer Datei und ändert nichts."
)


def databases_down(view: View) -> Iterator[Suspect]:
    """Yield a suspect if services say that they cannot reach the database.

    That nobody answers the source either only strengthens what the services say. One that has no
    room for another session runs: what they say then belongs to its connections.
    """
    groups = view.groups(Talk.DATABASE)
    database = view.signals.database
    if not groups or _is_full(database):
        return
    first = min(group.first for group in groups)
    evidence = list(view.lines(groups))
    against: tuple[Evidence, ...] = ()
    strength = 0.5
    if isinstance(database, Missing):
        strength = 0.8
        if database.tells is Silence.UNREACHABLE:
            strength = 0.97
            evidence.append(Evidence("Auch die Diagnose erreicht sie nicht.", Source.DATABASE))
    else:
        against = (
            Evidence(
                "Die Datenbank antwortet auf die Diagnose"
                f" ({count(database.connections, 'eine Verbindung', 'Verbindungen')}).",
                Source.DATABASE,
            ),
        )
    near = timedelta(seconds=view.policy.change_seconds)
    for change in view.changes():
        if first - near <= change.at <= first and change.kind == "operation":
            text = f"{change.target}: {change.text}"
            evidence.append(Evidence(text, Source.OPERATIONS, change.at))
            break
    services = tuple(dict.fromkeys(group.service for group in groups))
    yield Suspect(
        Hypothesis(
            Cause.DATABASE_DOWN,
            "Die Datenbank ist nicht erreichbar",
            strength,
            (*evidence, *view.felt(*services)[:2]),
            against,
            (_DEVIATIONS, *recovery(view, services[0], first)),
            _ALL_FEEL_IT,
            began=first,
        ),
        first,
    )


def locked_databases(view: View) -> Iterator[Suspect]:
    """Yield a suspect if sessions wait for a lock longer than they may."""
    database = view.signals.database
    groups = view.groups(Talk.LOCKS)
    if isinstance(database, Missing):
        blocks: list[Block] = []
    else:
        limit = view.policy.lock_wait_seconds
        blocks = [block for block in database.blocks if block.waiting.age >= limit]
    if blocks and not isinstance(database, Missing):
        yield _held(view, database, blocks)
    elif groups:
        yield _told(view)


def _held(view: View, database: DatabaseSignal, blocks: Sequence[Block]) -> Suspect:
    waiting = {block.waiting.pid: block.waiting for block in blocks}
    sessions = {block.blocker.pid: block.blocker for block in database.blocks}
    holders = [
        sessions[pid]
        for pid in first_holders(database.blocks)
        if waiting.keys() & waiting_behind(database.blocks, pid)
    ] or [blocks[0].blocker]
    longest = max(session.age for session in waiting.values())
    relations = sorted({b.relation for b in blocks if b.relation})
    open_since = {t.session.pid: t for t in database.long_transactions}
    on = f" auf {listing(relations)}" if relations else ""
    who = ", ".join(_holder(s, open_since.get(s.pid)) for s in holders[:2])
    text = (
        f"{count(len(waiting), 'Eine Sitzung wartet', 'Sitzungen warten')} seit"
        f" {duration(longest)} auf eine Sperre{on}; gehalten von {who}."
    )
    since = view.signals.at - timedelta(seconds=longest)
    # Whoever waited before may have given up: the lock may be as old as its transaction.
    held_since = open_since[holders[0].pid].started_at if holders[0].pid in open_since else since
    began = min(since, held_since)
    evidence = (
        Evidence(text, Source.DATABASE, since),
        *view.lines(view.groups(Talk.LOCKS)),
        *view.felt()[:2],
    )
    hypothesis = Hypothesis(
        Cause.LOCKED_DATABASE,
        f"Eine Sperre{on} hält Sitzungen auf",
        min(1.0, 0.8 + 0.02 * len(waiting)),
        evidence,
        (),
        tuple(_end(session, open_since.get(session.pid)) for session in holders[:2]),
        _ALL_FEEL_IT,
        began=began,
    )
    return Suspect(hypothesis, began)


def _told(view: View) -> Suspect:
    groups = view.groups(Talk.LOCKS)
    database = view.signals.database
    against: tuple[Evidence, ...] = ()
    if not isinstance(database, Missing):
        against = (Evidence("Im Augenblick wartet niemand zu lange.", Source.DATABASE),)
    first = min(group.first for group in groups)
    hypothesis = Hypothesis(
        Cause.LOCKED_DATABASE,
        "Anweisungen brechen ab, weil sie zu lange auf Sperren warten",
        0.4 if against else 0.6,
        view.lines(groups),
        against,
        (Treatment("end_session", {"pid": 0}, "Zeigt, welche Sitzung am meisten aufhält."),),
        _ALL_FEEL_IT,
        began=first,
    )
    return Suspect(hypothesis, first)


def connections_exhausted(view: View) -> Iterator[Suspect]:
    """Yield a suspect if hardly a connection is left, or services are refused one."""
    database, groups = view.signals.database, view.groups(Talk.CONNECTIONS)
    evidence: list[Evidence] = []
    against: tuple[Evidence, ...] = ()
    treatments: tuple[Treatment, ...] = (_DEVIATIONS,)
    full = False
    if isinstance(database, Missing):
        full = _is_full(database)
        if full:
            evidence.append(Evidence(database.reason, Source.DATABASE))
            groups += view.groups(Talk.DATABASE)
    else:
        share = database.connections / max(1, database.max_connections)
        full = share >= view.policy.connection_share
        text = (
            f"{database.connections} von {database.max_connections} Verbindungen sind belegt"
            f" ({percent(share)})."
        )
        figure = Evidence(text, Source.DATABASE)
        evidence += [figure] if full else []
        against = () if full else (figure,)
        idle = [t for t in database.long_transactions if t.state.startswith("idle in transaction")]
        if idle:
            treatments = (_end(idle[0].session, idle[0]), *treatments)
            evidence.append(
                Evidence(
                    f"{count(len(idle), 'Eine Transaktion ist', 'Transaktionen sind')} offen und"
                    f" untätig, die älteste seit {duration(idle[0].age)}.",
                    Source.DATABASE,
                    idle[0].started_at,
                )
            )
    if not (full or groups):
        return
    first = min((group.first for group in groups), default=None)
    yield Suspect(
        Hypothesis(
            Cause.CONNECTIONS_EXHAUSTED,
            "Die Datenbank hat keine Verbindungen mehr frei",
            (0.95 if groups else 0.75) if full or not against else 0.45,
            (*evidence, *view.lines(groups)),
            against,
            treatments,
            _ALL_FEEL_IT,
            began=first,
        ),
        first,
    )


def _is_full(database: DatabaseSignal | Missing) -> bool:
    return isinstance(database, Missing) and database.tells is Silence.FULL


def _holder(session: Session, transaction: OpenTransaction | None) -> str:
    if session.pid == 0:
        return "einer vorbereiteten Transaktion ohne Sitzung"
    who = session.application or session.role
    if transaction is None:
        return f"pid {session.pid} ({who})"
    return f"pid {session.pid} ({who}, {transaction.state} seit {duration(transaction.age)})"


def _end(session: Session, transaction: OpenTransaction | None) -> Treatment:
    if session.pid == 0:
        return _DEVIATIONS
    parameters: dict[str, object] = {"pid": session.pid}
    if transaction is not None:
        parameters["started_at"] = transaction.started_at.isoformat()
    who = session.application or session.role
    return Treatment(
        "end_session",
        parameters,
        f"Beendet die Sitzung pid {session.pid} ({who}); die Datenbank nimmt ihre offene"
        " Transaktion zurück.",
    )
