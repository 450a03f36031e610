"""The tables of the sandbox for the reference: what it serves over gRPC and over REST."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from page_parts import table

import leitstand.sandbox
from leitstand.sandbox.fault_kinds import FaultKind
from leitstand.sandbox.rest.apis import VERSIONS
from leitstand.sandbox.rest.bridge_methods import METHODS
from leitstand.sandbox.rest.discovery import load
from leitstand.sandbox.rest.operations import RestOperations
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.served import Served, kinds_of
from leitstand.sandbox.rest.verbs import Verbs
from leitstand.sandbox.store import Store

__all__ = ["FAULTS", "faults", "grpc_methods", "grpc_table", "rest_methods", "rest_table"]

FAULTS: Mapping[str, str] = {
    "fail": "die Methode tut nichts und meldet einen Fehler",
    "lost": "die Methode arbeitet und meldet trotzdem einen Fehler; der Lauf weiß nicht, was gilt",
    "slow": "die Antwort kommt spät",
    "hang": "die Antwort kommt nie",
    "disk_full": "nur beim Klonen einer Instanz: Der Klon darf keine großen Dateien schreiben",
}
"""What each kind of fault does, in German."""

PREFIX = re.compile(r"^(\w+) = \"(/google\.[\w.]+/)\"", re.MULTILINE)
"""A constant with the path of a service."""

METHOD = re.compile(r"\b(\w+) \+ \"(\w+)\": self\.")
"""An entry of the table of methods that a part of the sandbox serves."""


def faults() -> str:
    """Return all kinds of faults; a kind without a description is a KeyError."""
    rows = [(f"`{kind}`", FAULTS[kind]) for kind in get_args(FaultKind)]
    return table(("Art", "Was geschieht"), rows)


@cache
def grpc_methods() -> Mapping[str, tuple[str, ...]]:
    """Return the methods that are served over gRPC, by the full name of their service.

    The sources are read: to make the parts of a sandbox takes seconds.
    """
    found: dict[str, set[str]] = {}
    for bridge in METHODS.values():
        service, _, method = bridge.path.strip("/").partition("/")
        found.setdefault(service, set()).add(method)
    for path in Path(leitstand.sandbox.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        services = dict(PREFIX.findall(text))
        for constant, method in METHOD.findall(text):
            if constant in services:
                found.setdefault(services[constant].strip("/"), set()).add(method)
    return {service: tuple(sorted(found[service])) for service in sorted(found)}


def grpc_table() -> str:
    """Return the methods that are served over gRPC."""
    rows = [(f"`{service}`", _codes(methods)) for service, methods in grpc_methods().items()]
    return table(("Dienst", "Methoden"), rows)


@cache
def rest_methods() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return the methods that are served over REST, by API and collection.

    An operation's own collection is left out: every API has it.
    """
    with TemporaryDirectory() as directory:
        store = Store(Path(directory))
        park = Park(store, Path(directory), "project")
        return {api: _collections(api, park, RestOperations(store)) for api in sorted(VERSIONS)}


def rest_table() -> str:
    """Return the methods that are served over REST."""
    rows = [
        (f"`{api}`" if number == 0 else "", f"`{collection}`", _codes(verbs))
        for api, collections in rest_methods().items()
        for number, (collection, verbs) in enumerate(collections.items())
    ]
    return table(("API", "Sammlung", "Methoden"), rows)


def _collections(api: str, park: Park, operations: RestOperations) -> Mapping[str, tuple[str, ...]]:
    document = load(api)
    served = Served(document, kinds_of(api, park))
    verbs = Verbs(served, park, operations)
    found: dict[str, set[str]] = {}
    for method in document.methods.values():
        entry = served.entry(method)
        own = entry is not None and (method.verb in entry.custom or verbs.find(method.verb))
        if (own or method.id in METHODS) and not method.collection.endswith("perations"):
            found.setdefault(method.collection, set()).add(method.verb)
    return {collection: tuple(sorted(found[collection])) for collection in sorted(found)}


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
