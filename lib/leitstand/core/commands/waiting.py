"""Operations under way as commands that wait for their end, and start nothing."""

from leitstand.core.commands.addresses import api_of, operation_path
from leitstand.core.commands.block import Setting
from leitstand.core.commands.shell import after, curl, gcloud, short
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Operation
from leitstand.core.plan import Action

__all__ = ["waiting_for"]

_RUN = ("deploy_revision", "restore_template", "set_traffic", "set_scaling", "update_job")
_EXECUTIONS = ("plan_job", "run_job")
_DONE = """grep -qE '"(done|status)": *(true|"DONE")'"""
_ENDED = "value(status.completionTime)"


def waiting_for(action: Action, operation: str, setting: Setting) -> str:
    """Return the command that ends when an operation does; empty where nothing can be waited for.

    It gives up after half an hour, for Cloud SQL after one: an answer of 401, 403 or 404 stays.
    An error of the operation is shown by the commands that check the action.
    """
    kind = KINDS.get(str(action.arguments.get("kind", "")))
    if kind is not None:
        if kind.operation is Operation.SQL:
            return _sql(operation, setting)
        return _until(setting, api_of(kind), operation)
    if action.kind in _RUN:
        return _until(setting, "run", operation)
    if action.kind in _EXECUTIONS:
        region = after(action.target, "locations")
        look = gcloud(
            "run jobs executions describe",
            short(operation),
            format=_ENDED,
            region=region,
            project=setting.project,
        )
        return _repeated(look, "grep -q .")
    if action.kind == "redis_export":
        return _until(setting, "redis", operation)
    if action.kind.startswith("sql_") or action.kind in ("secret_login", "secret_close_login"):
        return _sql(operation, setting)
    return ""


def _until(setting: Setting, api: str, operation: str) -> str:
    look = curl(setting, "GET", api, operation_path(api, operation))
    return _repeated(look, _DONE)


def _repeated(look: str, found: str) -> str:
    return f"for _ in $(seq 360); do {look} \\\n    | {found} && break; sleep 5; done"


def _sql(operation: str, setting: Setting) -> str:
    name, project = short(operation), setting.project
    return gcloud("sql operations wait", name, timeout=3600, project=project)
