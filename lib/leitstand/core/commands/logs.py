"""Logs as commands: retention, sinks, who may write, the probe of an export."""

import json
from collections.abc import Mapping
from typing import Any

from leitstand.core.commands.block import Block, Setting, Writer
from leitstand.core.commands.shell import (
    Shell,
    after,
    command,
    curl,
    expression,
    flag,
    gcloud,
    short,
    text,
)
from leitstand.core.log_retention import Sink
from leitstand.core.log_retention_plan import probe_table
from leitstand.core.plan import Action

__all__ = ["LOGS", "dataset_grant"]

_BY_FLAG = {"name", "destination", "filter", "bigqueryOptions", "disabled", "description"}


def _retention(action: Action, setting: Setting) -> Block:
    bucket, days = short(action.target), action.arguments["days"]
    where = {"location": after(action.target, "locations"), "project": setting.project}
    return Block(
        f"Den Log-Bucket {bucket} seine Einträge {days} Tage behalten lassen.",
        (gcloud("logging buckets update", bucket, retention_days=days, **where),),
        f"retentionDays muss {days} sein.",
        (gcloud("logging buckets describe", bucket, **where),),
    )


def _create(action: Action, setting: Setting) -> Block:
    body, sink = action.arguments["body"], short(action.target)
    if set(body) <= _BY_FLAG:
        words = ["gcloud", "logging sinks create", text(sink), text(body["destination"])]
        words += _flags(body)
        words.append(flag("project", setting.project))
        made = command(*words)
    else:
        path = f"v2/{action.target.rpartition('/')[0]}?uniqueWriterIdentity=true"
        made = curl(setting, "POST", "logging", path, {**body, "name": sink})
    return Block(
        f"Die Log-Senke {sink} anlegen.",
        (made,),
        "Ziel und Filter müssen so dastehen; writerIdentity braucht danach ihr Schreibrecht.",
        (_sink(sink, setting),),
    )


def _update(action: Action, setting: Setting) -> Block:
    body, sink = action.arguments["body"], short(action.target)
    mask = ",".join(sorted(name for name in body if name != "name"))
    path = f"v2/{action.target}?uniqueWriterIdentity=true&updateMask={mask}"
    return Block(
        f"Die Log-Senke {sink} ändern: {mask}.",
        (curl(setting, "PATCH", "logging", path, body),),
        "Ziel und Filter müssen so dastehen.",
        (_sink(sink, setting),),
    )


def _delete(action: Action, setting: Setting) -> Block:
    sink = short(action.target)
    return Block(
        f"Die Log-Senke {sink} löschen.",
        (gcloud("logging sinks delete", sink, project=setting.project),),
        "In der Liste darf sie nicht mehr stehen.",
        (gcloud("logging sinks list", project=setting.project),),
    )


def _grant(action: Action, setting: Setting) -> Block:
    sink = short(action.arguments["sink"])
    return Block(
        f"Die Senke {sink} in das Dataset {short(action.target)} schreiben lassen.",
        (dataset_grant(setting, action.target, _writer(sink, setting)),),
        "Unter access muss die Schreibidentität der Senke als WRITER stehen.",
        (_dataset(action, setting),),
    )


def _revoke(action: Action, setting: Setting) -> Block:
    sink = short(action.arguments["sink"])
    return Block(
        f"Der Senke {sink} das Schreibrecht am Dataset {short(action.target)} nehmen.",
        (dataset_grant(setting, action.target, _writer(sink, setting), verb="REVOKE"),),
        "Unter access darf die Schreibidentität der Senke nicht mehr stehen.",
        (_dataset(action, setting),),
        ("Ist die Senke schon gelöscht, ist nichts zu tun.",),
    )


def _probe(action: Action, setting: Setting) -> Block:
    arguments, log = action.arguments, short(action.target)
    sink = Sink.from_body(
        arguments["sink"],
        {
            "destination": arguments["destination"],
            "bigqueryOptions": {"usePartitionedTables": arguments["partitioned"]},
        },
    )
    mark = f"{setting.run}-{action.id}-"
    entry = {
        "message": "Probeeintrag: Kommt er in BigQuery an?",
        "leitstand": {"probe": f"{mark}von-hand"},
    }
    written = gcloud(
        "logging write", log, json.dumps(entry, ensure_ascii=False), payload_type="json",
        severity=arguments["severity"], project=setting.project,
    )  # fmt: skip
    dated = probe_table(sink, "$(date -u +%Y%m%d)")
    project, _, rest = dated.removeprefix("projects/").partition("/datasets/")
    dataset, _, table = rest.partition("/tables/")
    # An entry that the run wrote itself counts as well.
    where = f"STARTS_WITH(jsonPayload.leitstand.probe, '{mark}')"
    query = f"SELECT timestamp FROM \\`{project}.{dataset}.{table}\\` WHERE {where} LIMIT 1"
    return Block(
        f"Einen Probeeintrag schreiben und auf seine Zeile in BigQuery warten (Senke"
        f" {short(arguments['sink'])}).",
        (written,),
        f"Nach höchstens {float(arguments['deadline']):.0f} s muss eine Zeile kommen.",
        (_query(text(Shell(query)), project),),
    )


def dataset_grant(setting: Setting, dataset: str, member: Shell, *, verb: str = "GRANT") -> str:
    """Return the command that lets a member write to a dataset, or no more.

    ``roles/bigquery.dataEditor`` on a dataset is what its access list calls WRITER:
    https://cloud.google.com/bigquery/docs/access-control-basic-roles
    """
    place = f"\\`{setting.project}.{short(dataset)}\\`"
    word = "TO" if verb == "GRANT" else "FROM"
    statement = f'{verb} \\`roles/bigquery.dataEditor\\` ON SCHEMA {place} {word} \\"{member}\\"'
    return _query(text(Shell(statement)), setting.project)


def _query(statement: str, project: str) -> str:
    return command("bq", "query", "--use_legacy_sql=false", flag("project_id", project), statement)


def _writer(sink: str, setting: Setting) -> Shell:
    return expression(
        gcloud("logging sinks describe", sink, format="value(writerIdentity)",
               project=setting.project)
    )  # fmt: skip


def _dataset(action: Action, setting: Setting) -> str:
    place = f"{setting.project}:{short(action.target)}"
    return command("bq", "show", "--format=prettyjson", text(place))


def _sink(sink: str, setting: Setting) -> str:
    return gcloud("logging sinks describe", sink, project=setting.project)


def _flags(body: Mapping[str, Any]) -> list[str]:
    words = [flag("log-filter", body["filter"])] if body.get("filter") else []
    if body.get("description"):
        words.append(flag("description", body["description"]))
    if body.get("bigqueryOptions", {}).get("usePartitionedTables"):
        words.append("--use-partitioned-tables")
    return [*words, "--disabled"] if body.get("disabled") else words


LOGS: Mapping[str, Writer] = {
    "log_retention": _retention,
    "log_sink_create": _create,
    "log_sink_update": _update,
    "log_sink_delete": _delete,
    "log_grant": _grant,
    "log_revoke": _revoke,
    "log_probe": _probe,
}
