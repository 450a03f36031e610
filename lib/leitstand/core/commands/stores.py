"""Redis, its queue and its exports as commands."""

from collections.abc import Mapping

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import (
    after,
    command,
    flag,
    gcloud,
    secret_value,
    short,
    text,
)
from leitstand.core.plan import Action

__all__ = ["STORES"]


_PRIORITIES = (r"\x06\x163", r"\x06\x166", r"\x06\x169")
"""Suffixes of the further lists that Celery keeps for one queue, as bash writes them in ``$'…'``.

Source: kombu.transport.redis, ``priority_steps`` and ``sep``.
"""


def _drain(action: Action, setting: Setting) -> Block:
    queue, seconds = str(action.arguments["queue"]), float(action.arguments["deadline_seconds"])
    client = command("redis-cli", "-u", text(secret_value(setting, setting.redis_secret)))
    own = queue.replace("\\", r"\\").replace("'", r"\'")
    lists = [text(queue), *(f"$'{own}{suffix}'" for suffix in _PRIORITIES)]
    waiting = f'for list in {" ".join(lists)}; do\n  {client} LLEN "$list"\ndone'
    return Block(
        f"Warten, bis die Warteschlange {queue} leer ist; die Worker leeren sie.",
        (waiting, f"{client} HLEN unacked"),
        "Alles muss 0 sein: was in der Warteschlange und in den Listen ihrer Prioritäten wartet,"
        f" und was in Arbeit ist. Wiederholen Sie die Abfrage; nach"
        f" {seconds:.0f} s sehen Sie nach, was die Worker aufhält.",
    )


def _export(action: Action, setting: Setting) -> Block:
    place = f"gs://{action.arguments['bucket']}/{action.arguments['object']}"
    made = gcloud(
        "redis instances export", place, short(action.target),
        region=after(action.target, "locations"), project=setting.project,
    )  # fmt: skip
    return Block(
        f"Die Redis-Instanz {short(action.target)} exportieren.",
        (made,),
        "Das Objekt muss da sein und darf nicht leer sein.",
        (gcloud("storage ls", place, long=True, project=setting.project),),
        ("Der Speicherbedarf der Instanz kann sich dabei verdoppeln.",),
    )


def _grant(action: Action, setting: Setting) -> Block:
    arguments = action.arguments
    bucket = f"gs://{arguments['bucket']}"
    made = command(
        "gcloud", "storage buckets add-iam-policy-binding", text(bucket),
        flag("member", arguments["member"]), flag("role", arguments["role"]),
        flag("project", setting.project),
    )  # fmt: skip
    return Block(
        f"{arguments['member']} in den Bucket {arguments['bucket']} schreiben lassen.",
        (made,),
        "Mitglied und Rolle müssen in der Liste stehen.",
        (gcloud("storage buckets get-iam-policy", bucket, project=setting.project),),
    )


def _delete(action: Action, setting: Setting) -> Block:
    place = f"gs://{action.arguments['bucket']}/{action.arguments['object']}"
    return Block(
        f"Den Export {action.arguments['object']} löschen.",
        (gcloud("storage rm", place, project=setting.project),),
        "Das Objekt darf nicht mehr in der Liste stehen.",
        (gcloud("storage ls", f"gs://{action.arguments['bucket']}", project=setting.project),),
    )


STORES: Mapping[str, Writer] = {
    "queue_drain": _drain,
    "redis_export": _export,
    "bucket_grant": _grant,
    "object_delete": _delete,
}
