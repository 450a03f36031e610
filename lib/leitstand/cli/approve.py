"""``leitstand approve``: a second person's yes to exactly one plan, or what waits for one."""

import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leitstand.cli.approve_errors import ApprovalRefused, NoKey, NoSuchRequest, NotAsked
from leitstand.cli.german import Command
from leitstand.cli.output import line, print_json, problems, table
from leitstand.core.errors import InputError

if TYPE_CHECKING:
    from leitstand.audit.signing import FileSigner
    from leitstand.core.approvals.decision import Decision
    from leitstand.core.approvals.policy import ApprovalPolicy
    from leitstand.core.approvals.request import Request
    from leitstand.core.approvals.statement import Statement

__all__ = ["KEY_VARIABLE", "add_to"]

KEY_VARIABLE = "LEITSTAND_APPROVAL_KEY"
"""Environment variable with the path of the approver's private key."""

_SHORTEST = 8


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=Command)(approve)


def approve(
    digest: Annotated[
        str, typer.Argument(metavar="PLAN", help="Prüfsumme des Plans oder ihr Anfang.")
    ] = "",
    run: Annotated[str, typer.Option(metavar="LAUF", help="Nur ein Plan dieses Laufs.")] = "",
    hold: Annotated[
        str, typer.Option("--for", metavar="DAUER", help="Wie lange sie gilt, etwa 2h oder 90m.")
    ] = "1h",
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Begründung.")] = "",
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="Notfall: ohne zweite Person, mit Begründung.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ohne Rückfrage unterschreiben.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Zeigt, was wartet.")] = False,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Legt Ihren Schlüssel an und zeigt ihn.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Als JSON ausgeben.")] = False,
) -> None:
    """Gibt den Plan eines Laufs frei, nachdem Sie ihn ganz gesehen haben."""
    if new_key:
        _show_key()
    elif listing:
        _list(as_json=as_json)
    elif len(digest) < _SHORTEST:
        raise InputError(
            f"Nennen Sie mindestens {_SHORTEST} Zeichen der Prüfsumme des Plans.",
            "leitstand approve --list zeigt, was wartet.",
        )
    else:
        _approve(digest, run, hold, reason, yes=yes, break_glass=break_glass, as_json=as_json)


def _approve(
    digest: str, run: str, hold: str, reason: str, *, yes: bool, break_glass: bool, as_json: bool
) -> None:
    from leitstand.audit.approval_envelopes import sign
    from leitstand.audit.approvals import ApprovalStore
    from leitstand.configuration import load_environment
    from leitstand.core.approvals.duration import parse_duration
    from leitstand.notebook.approving import approvals_directory

    longest = parse_duration(hold)
    request = _request(digest, run)
    asked = request.asked
    policy = load_environment(asked.environment).approvals
    if policy is None:
        raise NotAsked(asked.environment)
    signer = _signer()
    statement = _statement(request, policy, signer, longest, reason, break_glass=break_glass)
    envelope = sign(statement, signer)
    # The one rule that the run decides by, before anybody is asked to read.
    after = _decided(request, policy, envelope)
    _show(request, statement, _aside if as_json else line)
    if not (yes or _confirmed(aside=as_json)):
        raise typer.Abort
    source = ApprovalStore(approvals_directory(policy)).give(asked.run, envelope)
    if as_json:
        print_json(
            {
                "run": asked.run,
                "digest": asked.plan.digest,
                "by": statement.identity,
                "expires_at": statement.expires_at,
                "broken_glass": statement.broken_glass,
                "missing": 0 if after.granted else after.missing,
                "file": source,
            }
        )
        return
    _show_given(request, statement, after)


def _confirmed(*, aside: bool) -> bool:
    answer: str = typer.prompt("Freigeben? [j/N]", default="n", show_default=False, err=aside)
    return answer.strip().lower() in {"j", "ja", "y", "yes"}


def _statement(
    request: "Request",
    policy: "ApprovalPolicy",
    signer: "FileSigner",
    longest: timedelta,
    reason: str,
    *,
    break_glass: bool,
) -> "Statement":
    """Return what will be signed.

    Raises:
        ApprovalRefused: the environment does not know the key.
    """
    from leitstand.core.approvals.refusals import Reason, Refusal
    from leitstand.core.approvals.statement import Kind, Statement

    approver = policy.with_key(signer.public.id)
    if approver is None:
        raise ApprovalRefused(Refusal(Reason.UNKNOWN_KEY, str(_key_path())))
    asked = request.asked
    now = datetime.now(UTC)
    return Statement(
        digest=asked.plan.digest,
        run=asked.run,
        runbook=asked.runbook,
        environment=asked.environment,
        identity=approver.identity,
        at=now,
        expires_at=now + min(longest, policy.longest(broken_glass=break_glass)),
        nonce=secrets.token_hex(16),
        kind=Kind.BREAK_GLASS if break_glass else Kind.APPROVAL,
        reason=" ".join(reason.split()),
    )


def _decided(request: "Request", policy: "ApprovalPolicy", envelope: bytes) -> "Decision":
    """Return what the run will decide when it finds the envelope beside those that are there.

    Raises:
        ApprovalRefused: it will not count.
    """
    from leitstand.audit.approval_envelopes import examine
    from leitstand.audit.approvals import ApprovalStore, Given
    from leitstand.core.approvals.decision import decide
    from leitstand.notebook.approving import approvals_directory

    now = datetime.now(UTC)
    mine = examine(Given("", envelope), policy)
    alone = decide(request.asked, policy, [mine], now)
    if alone.refusals:
        raise ApprovalRefused(alone.refusals[0])
    there = ApprovalStore(approvals_directory(policy)).given(request.asked.run)
    return decide(request.asked, policy, [*(examine(one, policy) for one in there), mine], now)


def _request(digest: str, run: str) -> "Request":
    found = [
        one
        for one in _requests()
        if one.asked.plan.digest.startswith(digest.lower()) and one.asked.run.startswith(run)
    ]
    if len(found) != 1:
        raise NoSuchRequest(digest, len(found))
    return found[0]


def _requests() -> "list[Request]":
    """Return what waits in any environment, the oldest first."""
    from leitstand.audit.approvals import ApprovalStore
    from leitstand.configuration import environment_names, load_environment
    from leitstand.notebook.approving import approvals_directory

    policies = [load_environment(name).approvals for name in environment_names()]
    places = {approvals_directory(policy) for policy in policies if policy is not None}
    found = [one for place in places for one in ApprovalStore(place).requests()]
    return sorted(found, key=lambda one: (one.at, one.asked.run))


def _signer() -> "FileSigner":
    from leitstand.audit.signing import FileSigner

    path = _key_path()
    if not path.is_file():
        raise NoKey(path)
    return FileSigner(path)


def _key_path() -> Path:
    named = os.environ.get(KEY_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".config/leitstand/approval.pem"


def _show_key() -> None:
    from leitstand.audit.signing import FileSigner

    path = _key_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line(f"Ihr Schlüssel liegt in {path}; geben Sie ihn nicht weiter.")
    line("Lassen Sie diese Zeile unter approvals.approvers eintragen:")
    line(f"public_key: {FileSigner(path).public.text}")


def _list(*, as_json: bool) -> None:
    from leitstand.cli.plan_text import visible

    requests = _requests()
    if as_json:
        print_json([{**one.as_data(), "digest": one.asked.plan.digest} for one in requests])
        return
    if not requests:
        line("Nichts wartet auf eine Freigabe.")
        return
    now = datetime.now(UTC)
    table(
        ("Plan", "Lauf", "Runbook", "Umgebung", "Bediener", "Ticket", "Wartet"),
        [
            (
                one.asked.plan.digest[:12],
                visible(one.asked.run),
                visible(one.asked.runbook),
                visible(one.asked.environment),
                visible(one.asked.operator),
                visible(one.ticket) or "–",
                f"bis {_local(one.until)}" if one.until > now else "ruht, bis er fortgesetzt wird",
            )
            for one in requests
        ],
    )


def _show(request: "Request", statement: "Statement", say: Callable[[str], object]) -> None:
    from leitstand.cli.plan_text import plan_lines, visible

    asked = request.asked
    say(f"Lauf        {visible(asked.run)} ({visible(asked.runbook)})")
    say(f"Bediener    {visible(asked.operator)}")
    say(f"Ticket      {visible(request.ticket) or '–'}")
    for one in plan_lines(asked.plan):
        say(one)
    say("")
    if statement.broken_glass:
        say("NOTFALL: Sie verzichten auf eine zweite Person. Das wird sofort gemeldet.")
    say(f"Sie unterschreiben als {statement.identity}, bis {_local(statement.expires_at)} Uhr.")


def _aside(text: str) -> None:
    """Print a line beside a result that is read by a program."""
    from rich.text import Text

    problems().print(Text(text), soft_wrap=True)


def _show_given(request: "Request", statement: "Statement", after: "Decision") -> None:
    from leitstand.notebook.approving import missing_text

    asked = request.asked
    word = "ohne zweite Person freigegeben" if statement.broken_glass else "freigegeben"
    until = _local(statement.expires_at)
    line(f"✓ Der Plan {asked.plan.digest[:12]} ist {word}, bis {until} Uhr.", "green")
    if not after.granted:
        line(f"  Es {missing_text(after.missing)}.")
    elif request.until <= datetime.now(UTC):
        line(f"  Der Bediener setzt den Lauf fort: leitstand resume {asked.run}")


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%d.%m.%Y %H:%M}"
