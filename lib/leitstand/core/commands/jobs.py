"""Cloud Run jobs as commands: another template, an execution."""

from collections.abc import Mapping
from typing import Any

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import (
    after,
    command,
    flag,
    gcloud,
    joined,
    short,
    sql_block,
    variables,
)
from leitstand.core.plan import Action

__all__ = ["JOBS"]

_MARK = "LEITSTAND_ACTION"
_KNOWN_TASK = {"containers", "max_retries", "timeout", "service_account", "vpc_access"}
_KNOWN_CONTAINER = {"image", "command", "args", "env", "resources", "name"}
_RESTORE_POINT = "SELECT clock_timestamp() AT TIME ZONE 'UTC' AS utc, pg_current_wal_lsn() AS lsn;"


def _update(action: Action, setting: Setting) -> Block:
    template = action.arguments["template"]
    task = template["template"]
    (container, *others) = task["containers"]
    words = ["gcloud", "run jobs update", short(action.target), flag("image", container["image"])]
    words += [
        flag(name, joined(list(map(str, container[name]))))
        for name in ("command", "args")
        if container.get(name)
    ]
    words += _environment(container)
    limits = container.get("resources", {}).get("limits", {})
    stated = {
        "cpu": limits.get("cpu"),
        "memory": limits.get("memory"),
        "max-retries": task.get("max_retries"),
        "task-timeout": task.get("timeout"),
        "tasks": template.get("task_count"),
        "parallelism": template.get("parallelism"),
        "service-account": task.get("service_account"),
        **_network(task.get("vpc_access", {})),
        "region": after(action.target, "locations"),
        "project": setting.project,
    }
    words += [flag(name, value) for name, value in stated.items() if value not in (None, "")]
    left = sorted({*set(task) - _KNOWN_TASK, *set(container) - _KNOWN_CONTAINER})
    notes = [f"Unverändert bleibt, was der Befehl nicht nennt: {', '.join(left)}."] if left else []
    if others:
        notes.append("Der Job hat weitere Container; der Befehl ändert nur den ersten.")
    return Block(
        f"Den Job {short(action.target)} umstellen (Abbild {_image(container['image'])}).",
        (command(*words),),
        "Das Abbild und die Versionen der Secrets müssen so dastehen.",
        (_described(action, setting),),
        tuple(notes),
    )


def _plan(action: Action, setting: Setting) -> Block:
    return Block(
        f"Den Job {short(action.target)} fragen, welche Migrationen anstehen; das ändert nichts.",
        (_execution(action, setting, {}),),
        "Die Ausführung muss gelingen; ihr Log nennt die Migrationen und ihr SQL.",
        (_log(action, setting),),
        (_same_image(action),),
    )


def _run(action: Action, setting: Setting) -> Block:
    point = action.arguments["restore_point"]["instance"]
    return Block(
        f"Migrieren: den Job {short(action.target)} ausführen."
        " Vorher den Wiederherstellungspunkt aufschreiben.",
        (
            sql_block(setting, point, _RESTORE_POINT),
            _execution(action, setting, action.arguments["env"]),
        ),
        "Die Ausführung muss gelingen; ihr Log nennt die angewendeten Migrationen.",
        (_log(action, setting),),
        (
            _same_image(action),
            "Sehen Sie nach, dass keine andere Ausführung läuft: gcloud run jobs executions list.",
            "Notieren Sie Zeit und LSN: Dorthin ginge eine Wiederherstellung zurück.",
        ),
    )


def _execution(action: Action, setting: Setting, env: Mapping[str, Any]) -> str:
    arguments = action.arguments
    # The mark lets a run that is resumed later find the execution.
    marked = {**env, _MARK: f"{setting.run}/{action.id}/0"}
    return command(
        "gcloud", "run jobs execute", short(action.target),
        flag("args", joined(list(map(str, arguments["args"])))),
        flag("update-env-vars", joined(variables(marked))),
        "--wait", flag("region", after(action.target, "locations")),
        flag("project", setting.project),
    )  # fmt: skip


def _log(action: Action, setting: Setting) -> str:
    name = short(action.target)
    found = f'resource.type="cloud_run_job" AND resource.labels.job_name="{name}"'
    return gcloud(
        "logging read", found, project=setting.project, freshness="1h", limit=200, order="asc",
        format="value(timestamp, textPayload, jsonPayload)",
    )  # fmt: skip


def _described(action: Action, setting: Setting) -> str:
    region = after(action.target, "locations")
    name = short(action.target)
    return gcloud("run jobs describe", name, region=region, project=setting.project)


def _environment(container: Mapping[str, Any]) -> list[str]:
    """Return the flags that state all variables, plain ones and those from secrets."""
    plain: dict[str, object] = {}
    secret: dict[str, object] = {}
    for entry in container.get("env", ()):
        if reference := entry.get("value_source", {}).get("secret_key_ref"):
            secret[entry["name"]] = f"{reference['secret']}:{reference['version']}"
        else:
            plain[entry["name"]] = entry.get("value", "")
    words = [flag("set-env-vars", joined(variables(plain))) if plain else "--clear-env-vars"]
    return [*words, flag("set-secrets", joined(variables(secret))) if secret else "--clear-secrets"]


def _network(access: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags of a connector; other ways into the network stay as they are."""
    connector = access.get("connector", "")
    if not connector:
        return {}
    egress = str(access.get("egress", "")).lower().replace("_", "-")
    return {"vpc-connector": connector, "vpc-egress": egress}


def _same_image(action: Action) -> str:
    return f"Der Job muss dieses Abbild haben: {_image(action.arguments['image'])}."


def _image(reference: str) -> str:
    name, _, digest = reference.partition("@")
    return f"{short(name)}@{digest[:19]}…" if digest else short(reference)


JOBS: Mapping[str, Writer] = {"update_job": _update, "plan_job": _plan, "run_job": _run}
