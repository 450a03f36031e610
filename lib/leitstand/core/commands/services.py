"""Cloud Run services as commands: new revisions, traffic, scaling."""

from collections.abc import Mapping
from typing import Any

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import (
    after,
    command,
    curl,
    expression,
    flag,
    gcloud,
    joined,
    short,
    text,
)
from leitstand.core.expansion import camel_case
from leitstand.core.plan import Action

__all__ = ["SERVICES"]

_TRAFFIC = "TRAFFIC_TARGET_ALLOCATION_TYPE_"
_STATE = "value(status.conditions)"
_SETTLED = (
    "Wiederholen Sie die Abfrage, bis terminalCondition.state CONDITION_SUCCEEDED ist und"
    " reconciling fehlt."
)


def _deploy(action: Action, setting: Setting) -> Block:
    arguments = action.arguments
    revision, service = arguments["revision"], short(action.target)
    body = {
        # The name is the library's: a template without it would get one from Google.
        "template": camel_case({**arguments["template"], "revision": revision}),
        "traffic": [_target(share) for share in arguments["traffic"]],
    }
    return Block(
        f"Neue Revision {revision} von {service} anlegen; {_shares(arguments['traffic'])}.",
        (curl(setting, "PATCH", "run", f"v2/{action.target}?updateMask=template,traffic", body),),
        f"{_SETTLED} Die Revision muss bereit sein.",
        (
            curl(setting, "GET", "run", f"v2/{action.target}"),
            gcloud(
                "run revisions describe",
                revision,
                region=after(action.target, "locations"),
                format=_STATE,
                project=setting.project,
            ),
        ),
    )


def _restore(action: Action, setting: Setting) -> Block:
    block = _deploy(action, setting)
    return Block(
        f"Die Vorlage von {short(action.target)} wieder wie vorher machen"
        f" (Revision {action.arguments['revision']}).",
        block.commands,
        block.check,
        block.looks,
        ("Nur nötig, wenn die Vorlage schon geändert ist.",),
    )


def _traffic(action: Action, setting: Setting) -> Block:
    shares, service = action.arguments["traffic"], short(action.target)
    region = after(action.target, "locations")
    percents: dict[str, int] = {}
    for share in shares:
        if share["percent"]:
            name = share["revision"] or "LATEST"
            percents[name] = percents.get(name, 0) + share["percent"]
    tags = [f"{s['tag']}={s['revision'] or 'LATEST'}" for s in shares if s.get("tag")]
    made = [
        "gcloud", "run services update-traffic", service,
        flag("to-revisions", joined([f"{name}={percent}" for name, percent in percents.items()])),
        flag("set-tags", joined(tags)) if tags else "--clear-tags",
        flag("region", region), flag("project", setting.project),
    ]  # fmt: skip
    look = gcloud(
        "run services describe",
        service,
        region=region,
        format="yaml(status.traffic)",
        project=setting.project,
    )
    return Block(
        f"Verkehr von {service} verteilen: {_shares(shares)}.",
        (command(*made),),
        "Der Verkehr muss so verteilt sein. Sehen Sie sich Fehlerquote und Latenz der Revision in"
        " Cloud Monitoring an, bevor Sie den nächsten Schritt tun.",
        (look,),
    )


def _scaling(action: Action, setting: Setting) -> Block:
    scaling = dict(action.arguments["scaling"])
    path = f"v2/{action.target}?updateMask=scaling"
    return Block(
        f"{short(action.target)} skalieren: {_scale(scaling)}.",
        (curl(setting, "PATCH", "run", path, {"scaling": camel_case(scaling)}),),
        f"{_SETTLED} Der Abschnitt scaling muss so dastehen.",
        (curl(setting, "GET", "run", f"v2/{action.target}"),),
    )


def _probe(action: Action, setting: Setting) -> Block:
    tag, service = action.arguments["tag"], short(action.target)
    address = gcloud(
        "run services describe",
        service,
        region=after(action.target, "locations"),
        format=f'value(status.traffic.filter("tag:{tag}").extract("url").flatten())',
        project=setting.project,
    )
    quiet = "-sS -o /dev/null -w '%{http_code}\\n'"
    return Block(
        f"Die Seiten der neuen Revision von {service} unter dem Tag {tag} abfragen; das ändert"
        " nichts.",
        tuple(
            f"curl {quiet} {text(expression(address))}{text(path)}"
            for path in action.arguments["paths"]
        ),
        "Jede Seite muss mit 200 antworten. Sonst: den Rückweg nehmen.",
    )


def _target(share: Mapping[str, Any]) -> dict[str, Any]:
    kind = "REVISION" if share["revision"] else "LATEST"
    named = {key: share[key] for key in ("revision", "tag") if share.get(key)}
    return {"type": _TRAFFIC + kind, **named, "percent": share["percent"]}


def _shares(shares: Any) -> str:
    listed = [
        f"{share['percent']} % auf {share['revision'] or 'die jeweils neueste Revision'}"
        + (f" (Tag {share['tag']})" if share.get("tag") else "")
        for share in shares
    ]
    return ", ".join(listed) or "aller Verkehr auf die jeweils neueste Revision"


def _scale(scaling: Mapping[str, Any]) -> str:
    if scaling.get("scaling_mode") == "MANUAL":
        return f"fest auf {scaling.get('manual_instance_count', 0)} Instanzen"
    least, most = scaling.get("min_instance_count", 0), scaling.get("max_instance_count", "–")
    return f"von {least} bis {most} Instanzen"


SERVICES: Mapping[str, Writer] = {
    "deploy_revision": _deploy,
    "restore_template": _restore,
    "set_traffic": _traffic,
    "set_scaling": _scaling,
    "secret_probe": _probe,
}
