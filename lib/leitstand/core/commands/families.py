"""The commands of every kind of action; what cannot be put as commands says what to do by hand."""

import json
from collections.abc import Mapping

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.cloud_sql import CLOUD_SQL
from leitstand.core.commands.jobs import JOBS
from leitstand.core.commands.logs import LOGS
from leitstand.core.commands.resources import RESOURCES
from leitstand.core.commands.secrets import SECRETS
from leitstand.core.commands.services import SERVICES
from leitstand.core.commands.sessions import SESSIONS
from leitstand.core.commands.shell import command, text
from leitstand.core.commands.stores import STORES
from leitstand.core.commands.tenants import TENANTS
from leitstand.core.commands.vectors import VECTORS
from leitstand.core.errors import LeitstandError
from leitstand.core.plan import Action

__all__ = ["WRITERS", "block_of"]


def _start_run(action: Action, setting: Setting) -> Block:
    runbook = action.arguments["runbook"]
    plan = [f"{name}={_given(value)}" for name, value in action.arguments["parameters"].items()]
    shown = [word for item in plan if item != "apply=true" for word in ("-p", text(item))]
    return Block(
        f"Das Runbook {runbook} ausführen; es hat einen Plan und eine Freigabe für sich.",
        (command("leitstand", "show", runbook, "--commands", *shown),),
        "Sein Lauf muss gelungen sein.",
        ("leitstand runs",),
        (
            (
                "Geht Leitstand auf diesem Rechner nicht, rufen Sie den Befehl auf einem anderen"
                " auf, oder nehmen Sie die commands.sh seines letzten Laufs als Vorlage."
            ),
        ),
    )


def _given(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


WRITERS: Mapping[str, Writer] = {
    **SERVICES,
    **JOBS,
    **CLOUD_SQL,
    **SESSIONS,
    **SECRETS,
    **STORES,
    **LOGS,
    **TENANTS,
    **VECTORS,
    **RESOURCES,
    "start_run": _start_run,
}
"""By kind of action."""


def block_of(action: Action, setting: Setting) -> Block:
    """Return an action as commands.

    An action of an unknown kind, or with arguments of another version, is told in plain words: a
    run must not end because its commands cannot be written.
    """
    writer = WRITERS.get(action.kind)
    try:
        if writer is not None:
            return writer(action, setting)
    except (LeitstandError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        pass
    told = json.dumps(dict(action.arguments), ensure_ascii=False, sort_keys=True, default=str)
    return Block(
        f"{action.kind} an {action.target}.",
        check="Das Ergebnis muss den Angaben entsprechen.",
        notes=("Dafür gibt es keinen Befehl. Tun Sie es von Hand, mit diesen Angaben:", told),
    )
