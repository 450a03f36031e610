"""Everything that an environment file wants to exist, as resources in the words of their APIs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from leitstand.core.environment import Environment
from leitstand.core.errors import InputError
from leitstand.core.expansion import camel_case, expand
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind, Resource
from leitstand.core.nested import texts
from leitstand.core.order import UnknownReference
from leitstand.core.references import Reference, find, name_of, resolve
from leitstand.core.wanted import Wanted, wanted

__all__ = ["UnknownKind", "desired", "desired_template"]


class UnknownKind(InputError):
    """An environment file names a kind of resource that there is not."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"Die Umgebung nennt die Art {kind}, die Leitstand nicht kennt.",
            f"Wählen Sie eine von: {', '.join(sorted(KINDS))}.",
        )
        self.kind = kind


def desired(
    environment: Environment, number: str, more: Iterable[Wanted] = ()
) -> tuple[Resource, ...]:
    """Return all wanted resources, each with what must exist before it.

    Args:
        environment: The environment file.
        number: The number that Google gave the project.
        more: What is wanted besides.

    Raises:
        UnknownKey: the file mentions a key that it does not have.
        UnknownKind: it names a kind that there is not.
        UnknownReference: a resource refers to one that is not wanted.
        MalformedPlaceholder: a text holds something in ``${…}`` that means nothing.
    """
    known = _known(environment, number)
    listed = [_expanded(entry, known) for entry in (*wanted(environment), *more)]
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
    template: dict[str, Any] = _named(entry.body["template"], _key(entry), names)
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
    body = dict(entry.body)
    after = {*body.pop("$after", ())}
    for other in after - set(names):
        raise UnknownReference(other, key, names)
    after |= {reference.key for reference in find([body, entry.initial]) if reference.key}
    body = _named(body, key, names)
    return Resource(
        kind=_kind(entry),
        id=entry.id,
        name=names[key],
        body=camel_case(body),
        initial=camel_case(_named(entry.initial, key, names)),
        after=tuple(sorted({*after, *_implied(entry, body, names, accounts)} - {key})),
    )


def _named(value: Any, key: str, names: Mapping[str, str]) -> Any:
    """Return ``value`` with the names of other resources in place; all else stays."""

    def lookup(reference: Reference) -> str | None:
        if reference.key and reference.key not in names:
            raise UnknownReference(reference.key, key, names)
        return name_of(reference, names)

    return resolve(value, lookup)


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
    for text in texts(body):
        for account, key in accounts.items():
            if account in text:
                yield key
    for reference in _secret_references(body):
        secret, version = reference["secret"], reference["version"]
        for key in (f"secretmanager.versions/{secret}/{version}", f"secretmanager.policy/{secret}"):
            if key in names:
                yield key


def _secret_references(value: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(value, Mapping):
        if "secret_key_ref" in value:
            yield value["secret_key_ref"]
        for item in value.values():
            yield from _secret_references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secret_references(item)
