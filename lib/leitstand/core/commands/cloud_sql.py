"""Cloud SQL as commands: backups, clones, settings, the address of a clone, the rescue."""

from collections.abc import Mapping
from datetime import UTC, datetime

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import (
    Shell,
    address_of,
    command,
    curl,
    flag,
    gcloud,
    secret_value,
    short,
    text,
)
from leitstand.core.expansion import camel_case
from leitstand.core.plan import Action

__all__ = ["CLOUD_SQL"]


def _backup(action: Action, setting: Setting) -> Block:
    instance = short(action.target)
    made = gcloud(
        "sql backups create",
        instance=instance,
        description=action.arguments["description"],
        project=setting.project,
    )
    look = gcloud("sql backups list", instance=instance, limit=5, project=setting.project)
    return Block(
        f"Die Instanz {instance} sichern.",
        (made,),
        "Die neueste Sicherung muss SUCCESSFUL sein, bevor Sie weitergehen.",
        (look,),
    )


def _clone(action: Action, setting: Setting) -> Block:
    instance, clone = short(action.target), action.arguments["clone"]
    at = datetime.fromisoformat(action.arguments["point_in_time"]).astimezone(UTC)
    made = gcloud(
        "sql instances clone",
        instance,
        clone,
        # An offset is dropped silently; only UTC is understood.
        point_in_time=f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        project=setting.project,
    )
    return Block(
        f"Die Instanz {instance} zum Stand von {at:%d.%m.%Y %H:%M:%S} UTC als {clone} klonen.",
        (made,),
        "Der Klon muss RUNNABLE sein. Das dauert länger, als gcloud wartet: Dann zeigt"
        " gcloud sql operations list, wie weit er ist.",
        (_state(clone, setting),),
        ("Der Zeitpunkt steht in UTC; einen Abstand wie +01:00 ließe gcloud wortlos fallen.",),
    )


def _settings(action: Action, setting: Setting) -> Block:
    body = {"settings": camel_case(_without_kinds(action.arguments["settings"]))}
    path = f"v1/{action.target}"
    return Block(
        f"Einstellungen von {short(action.target)} setzen, die ein Klon nicht erbt:"
        f" {', '.join(sorted(body['settings']))}.",
        (curl(setting, "PATCH", "sqladmin", path, body),),
        "Die Einstellungen müssen so dastehen, sobald die Operation zu Ende ist.",
        (
            gcloud("sql operations list", instance=short(action.target), limit=3,
                   project=setting.project),
            gcloud("sql instances describe", short(action.target), format="yaml(settings)",
                   project=setting.project),
        ),
    )  # fmt: skip


def _delete(action: Action, setting: Setting) -> Block:
    instance = short(action.target)
    return Block(
        f"Die Instanz {instance} löschen, die dieser Lauf angelegt hat.",
        (gcloud("sql instances delete", instance, project=setting.project),),
        f"In der Liste darf {instance} nicht mehr stehen.",
        (gcloud("sql instances list", project=setting.project),),
        (f"Vergewissern Sie sich, dass {instance} der Klon ist und kein Dienst ihn liest.",),
    )


def _add_url(action: Action, setting: Setting) -> Block:
    arguments, secret = action.arguments, short(action.target)
    instance = f"projects/{setting.project}/instances/{arguments['instance']}"
    old, new = arguments["old_version"], arguments["new_version"]
    return Block(
        f"Version {new} von {secret} anlegen: wie Version {old}, mit der Adresse von"
        f" {arguments['instance']}.",
        (_url_with_host(setting, secret, old, instance),),
        f"Die neueste Version muss {new} sein. Ist sie es nicht, war jemand schneller.",
        (gcloud("secrets versions list", secret, limit=3, project=setting.project),),
    )


def _url_with_host(setting: Setting, secret: str, version: object, instance: str) -> str:
    """Return the command that adds a version of a URL with the address of another instance."""
    found = secret_value(setting, secret, version)
    stored = gcloud("secrets versions add", secret, data_file="-", project=setting.project)
    host = f"s#@[^/?]+#@{address_of(setting, instance)}:5432#"
    return f"printf %s {text(found)} \\\n  | sed -E {text(Shell(host))} \\\n  | {stored}"


def _rescue(action: Action, setting: Setting) -> Block:
    instance, directory = short(action.target), action.arguments["directory"]
    url = secret_value(setting, setting.administrator_secret)
    dumped = command(
        f"PGHOSTADDR={text(address_of(setting, action.target))}",
        "pg_dump", flag("format", "custom"), flag("file", f"{directory}/{instance}.dump"),
        text(url),
    )  # fmt: skip
    return Block(
        f"Die alte Instanz {instance} ganz wegschreiben, damit nichts verloren geht, was nur sie"
        " hat.",
        (command("install", "-d", "-m 700", text(directory)), dumped),
        "Die Datei muss sich lesen lassen.",
        (command("pg_restore", "--list", text(f"{directory}/{instance}.dump")),),
        (
            (
                "Das Runbook schreibt nur die Zeilen weg, die der Klon nicht hat. Von Hand"
                f" sichern Sie alles und vergleichen später mit {action.arguments['clone']}."
            ),
        ),
    )


def _state(instance: str, setting: Setting) -> str:
    return gcloud(
        "sql instances describe", instance, format="value(state)", project=setting.project
    )


def _without_kinds(value: object) -> object:
    """Leave out ``kind``, which answers carry and no request needs."""
    if isinstance(value, Mapping):
        return {key: _without_kinds(inner) for key, inner in value.items() if key != "kind"}
    return value


CLOUD_SQL: Mapping[str, Writer] = {
    "sql_backup": _backup,
    "sql_clone": _clone,
    "sql_settings": _settings,
    "sql_delete": _delete,
    "sql_rescue": _rescue,
    "add_database_url": _add_url,
}
