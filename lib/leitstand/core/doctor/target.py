"""What of an environment ``leitstand doctor`` asks about, read without the model of the file.

The model takes half a second to import, as long as everything that is asked. Another process
checks the file with it meanwhile; what does not fit here is left out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.core.nested import value_at

__all__ = ["Target", "target_of"]

_PLACEHOLDER = re.compile(r"\$\{(project|name|region)\}")
_PORT = re.compile(r"@(?:\$\{[^}]*\}|[^/:]*):(?:(\d+)|\$\{sql\.instances/[^#}]+#([^}]+)\})/")
_FIRST_VERSION = "/1"


@dataclass(frozen=True)
class Target:
    """What is asked about in an environment.

    Attributes:
        name: Name of the environment.
        project: Id of the project.
        region: Where regional resources lie.
        instance: Short name of the Cloud SQL instance; empty without a database.
        database_port: Port of the database.
        database_port_field: Field of the instance that holds it, where the file says so.
        redis: Short name of the Memorystore instance; empty without one.
        records: Address of the store of records; empty is this machine's own.
        anchors: Addresses of anchors.
        locks: Address of the store of locks; empty is this machine's own.
        open_runs: Address of the place of open runs; empty where there is none.
        trusted_keys: Public keys whose signatures count; empty is this machine's own.
        secrets: Secrets that runs read.
        account: Service account that services run as; empty without one.
        apis: APIs that the project must use, such as ``run.googleapis.com``.
        second_person: Whether a second person must approve.
        approvals: The section ``approvals``; None where it is missing.
    """

    name: str
    project: str
    region: str
    instance: str = ""
    database_port: int = 5432
    database_port_field: str = ""
    redis: str = ""
    records: str = ""
    anchors: tuple[str, ...] = ()
    locks: str = ""
    open_runs: str = ""
    trusted_keys: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    account: str = ""
    apis: tuple[str, ...] = ()
    second_person: bool = False
    approvals: Mapping[str, Any] | None = None

    @property
    def buckets(self) -> tuple[str, ...]:
        """The buckets of locks, open runs, records and anchors, each once."""
        named = (self.locks, self.open_runs, self.records, *self.anchors)
        found = (address[5:].partition("/")[0] for address in named if address.startswith("gs://"))
        return tuple(dict.fromkeys(found))


def target_of(name: str, content: Mapping[str, Any]) -> Target:
    """Return what is asked about, from the merged content of an environment's files."""
    values = {
        "name": name,
        "project": _text(content, "project"),
        "region": _text(content, "region"),
    }

    def filled(address: Any) -> str:
        return _PLACEHOLDER.sub(lambda found: values[found[1]], str(address or ""))

    database = _mapping(content, "database")
    url_secret = str(database.get("url_secret") or "")
    secrets = (url_secret, str(database.get("administrator_url_secret") or ""), _redis_url(content))
    port, port_field = _port(content, url_secret)
    accounts = _section(content, "resources", "iam.serviceAccounts")
    host = f"{values['project']}.iam.gserviceaccount.com"
    approvals = content.get("approvals")
    return Target(
        **values,
        instance=str(database.get("instance") or ""),
        database_port=port,
        database_port_field=port_field,
        redis=next(iter(_section(content, "resources", "redis.instances")), ""),
        records=filled(value_at(content, "records.store")),
        anchors=tuple(filled(one) for one in _list(content, "records.anchors")),
        locks=filled(value_at(content, "locks.store")),
        open_runs=filled(value_at(content, "records.open")),
        trusted_keys=tuple(str(one) for one in _list(content, "records.trusted_keys")),
        secrets=tuple(secret for secret in secrets if secret),
        account=f"run-web@{host}" if "run-web" in accounts else "",
        apis=tuple(sorted(_section(content, "resources", "serviceusage.services"))),
        second_person=content.get("requires_second_person") is True,
        approvals=approvals if isinstance(approvals, Mapping) else None,
    )


def _redis_url(content: Mapping[str, Any]) -> str:
    return (
        "redis-url" if "redis-url" in _section(content, "initial", "secretmanager.secrets") else ""
    )


def _port(content: Mapping[str, Any], secret: str) -> tuple[int, str]:
    """Return the port of the database and the field that holds it, by the secret's first value."""
    version = _section(content, "initial", "secretmanager.versions").get(secret + _FIRST_VERSION)
    found = _PORT.search(str(value_at(version, "payload.data") or ""))
    if found is None or not (found[1] or found[2]):
        return 5432, ""
    return (int(found[1]), "") if found[1] else (5432, found[2])


def _section(content: Mapping[str, Any], section: str, kind: str) -> Mapping[str, Any]:
    """Return the bodies of a kind by id, those taken out left out."""
    bodies = _mapping(_mapping(content, section), kind)
    return {key: body for key, body in bodies.items() if body is not None}


def _mapping(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(content: Mapping[str, Any], path: str) -> list[Any]:
    found = value_at(content, path)
    return found if isinstance(found, list) else []


def _text(content: Mapping[str, Any], key: str) -> str:
    return str(content.get(key) or "")
