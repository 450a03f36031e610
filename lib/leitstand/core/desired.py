"""Everything that an environment file wants to exist, as resources in the words of their APIs."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from leitstand.core.environment import Environment
from leitstand.core.errors import InputError
from leitstand.core.expansion import camel_case, expand
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind, Resource
from leitstand.core.names import short_name
from leitstand.core.wanted import Wanted, wanted

__all__ = ["UnknownKind", "UnknownResource", "desired", "desired_template"]

_REFERENCE = re.compile(r"\$\{(?P<key>[a-zA-Z.]+/[^#}]+)(?:#(?P<field>[^}]+))?\}")
_HIDDEN = re.compile(r"\$\{(?:secret:(?P<secret>[^}]+)|auth:(?P<auth>[^}]+))\}")


class UnknownKind(InputError):
    """An environment file names a kind of resource that there is not."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"Die Umgebung nennt die Art {kind}, die Leitstand nicht kennt.",
            f"Wählen Sie eine von: {', '.join(sorted(KINDS))}.",
        )
        self.kind = kind


class UnknownResource(InputError):
    """A resource refers to another that the environment does not want."""

    def __init__(self, resource: str, reference: str) -> None:
        super().__init__(
            f"{resource} verweist auf {reference}, das in der Umgebung nicht steht.",
            "Korrigieren Sie den Verweis, oder nehmen Sie die fehlende Ressource auf.",
        )
        self.resource = resource
        self.reference = reference


def desired(environment: Environment, number: str) -> tuple[Resource, ...]:
    """Return all wanted resources, each with what must exist before it.

    Args:
        environment: The environment file.
        number: The number that Google gave the project.

    Raises:
        UnknownKey: the file mentions a key that it does not have.
        UnknownKind: it names a kind that there is not.
        UnknownResource: a resource refers to one that is not wanted.
    """
    known = _known(environment, number)
    listed = [_expanded(entry, known) for entry in wanted(environment)]
    names = {_key(entry): _full_name(entry, environment, number) for entry in listed}
    accounts = {
        name.rsplit("/", 1)[-1]: key
        for key, name in names.items()
        if key.startswith("iam.serviceAccounts/")
    }
    return tuple(_resource(entry, names, accounts) for entry in listed)


def desired_template(environment: Environment, service: str) -> dict[str, Any]:
    """Return the revision template of a service as JSON values of the Cloud Run API.

    The image is left out: a release decides it.
    """
    found = next(
        entry
        for entry in wanted(environment)
        if entry.kind == "run.services" and entry.id == service
    )
    entry = _expanded(found, _known(environment, ""))
    names = {
        _key(other): _full_name(other, environment, "")
        for other in wanted(environment)
        if "${" not in other.id
    }
    template: dict[str, Any] = _referred(entry.body["template"], _key(entry), names, set())
    return template


def _known(environment: Environment, number: str) -> dict[str, Any]:
    data = environment.model_dump(mode="json", exclude={"resources", "initial", "services", "jobs"})
    return {**data, "number": number}


def _expanded(entry: Wanted, known: Mapping[str, Any]) -> Wanted:
    return Wanted(
        entry.kind,
        expand(entry.id, known),
        expand(entry.body, known),
        expand(entry.initial, known),
        project=entry.project,
        region=entry.region,
    )


def _key(entry: Wanted) -> str:
    return f"{entry.kind}/{entry.id}"


def _kind(entry: Wanted) -> Kind:
    try:
        return KINDS[entry.kind]
    except KeyError:
        raise UnknownKind(entry.kind) from None


def _full_name(entry: Wanted, environment: Environment, number: str) -> str:
    return _kind(entry).full_name(
        entry.id,
        project=entry.project or environment.project,
        number=number,
        region=entry.region or environment.region,
    )


def _resource(entry: Wanted, names: Mapping[str, str], accounts: Mapping[str, str]) -> Resource:
    key = _key(entry)
    after: set[str] = set()
    body = dict(entry.body)
    for other in body.pop("$after", ()):
        if other not in names:
            raise UnknownResource(key, other)
        after.add(other)
    body = _referred(body, key, names, after)
    initial = _referred(entry.initial, key, names, after)
    after |= set(_implied(entry, body, names, accounts))
    return Resource(
        kind=_kind(entry),
        id=entry.id,
        name=names[key],
        body=camel_case(body),
        initial=camel_case(initial),
        after=tuple(sorted(after - {key})),
    )


def _referred(value: Any, key: str, names: Mapping[str, str], after: set[str]) -> Any:
    """Return ``value`` with references replaced by full names; note in ``after`` what they name."""

    def named(match: re.Match[str]) -> str:
        other = match["key"]
        if other not in names:
            raise UnknownResource(key, other)
        after.add(other)
        if match["field"] == "@id":
            return short_name(names[other])
        return match[0] if match["field"] else names[other]

    if isinstance(value, str):
        for match in _HIDDEN.finditer(value):
            other = match["auth"] or f"secretmanager.versions/{match['secret']}"
            if other not in names:
                raise UnknownResource(key, other)
            after.add(other)
        return _REFERENCE.sub(named, value)
    if isinstance(value, Mapping):
        return {name: _referred(item, key, names, after) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_referred(item, key, names, after) for item in value]
    return value


def _implied(
    entry: Wanted, body: Any, names: Mapping[str, str], accounts: Mapping[str, str]
) -> Iterator[str]:
    """Yield what a resource needs without naming it: its API, its parent, accounts, secrets."""
    kind = _kind(entry)
    api = f"serviceusage.services/{kind.api.partition('.')[0]}.googleapis.com"
    if api in names and kind.name != "serviceusage.services":
        yield api
    if kind.of and f"{kind.of}/{entry.id}" in names:
        yield f"{kind.of}/{entry.id}"
    name = names[_key(entry)]
    for key, other in names.items():
        if name.startswith(f"{other}/") and not KINDS[key.partition("/")[0]].of:
            yield key
    for text in _texts(body):
        for account, key in accounts.items():
            if account in text:
                yield key
    for reference in _secret_references(body):
        secret, version = reference["secret"], reference["version"]
        for key in (f"secretmanager.versions/{secret}/{version}", f"secretmanager.policy/{secret}"):
            if key in names:
                yield key


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _secret_references(value: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(value, Mapping):
        if "secret_key_ref" in value:
            yield value["secret_key_ref"]
        for item in value.values():
            yield from _secret_references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secret_references(item)
