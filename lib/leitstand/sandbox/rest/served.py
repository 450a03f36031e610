"""One API as the sandbox serves it: its document, and the collections behind it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from leitstand.sandbox.rest.collection import Collection, Custom
from leitstand.sandbox.rest.discovery import Document, Method, Schema
from leitstand.sandbox.rest.kinds import KINDS
from leitstand.sandbox.rest.names import Template
from leitstand.sandbox.rest.park import Park

__all__ = ["Entry", "Served", "kinds_of", "style_of"]


@dataclass(frozen=True)
class Entry:
    """A collection and what the document says of it.

    Attributes:
        kind: The collection.
        template: The form of its full names.
        schema: Name of the schema of its resources, or "".
        custom: Its own methods by the last part of their ids.
        fields: What that schema says.
    """

    kind: Collection
    template: Template
    schema: str
    custom: Mapping[str, Custom]
    fields: Schema


class Served:
    """A loaded API."""

    def __init__(self, document: Document, kinds: Mapping[str, Collection]) -> None:
        self.document = document
        self._entries = {path: _entry(document, kind) for path, kind in kinds.items()}

    def entry(self, method: Method) -> Entry | None:
        """The collection that a method belongs to."""
        return self._entries.get(method.collection)

    def operations_parent(self, target: str) -> str:
        """Where the API keeps the operations on a resource: the closest parent that has some."""
        found = ""
        for method in self.document.methods.values():
            if method.verb != "get" or method.collection.rpartition(".")[2] != "operations":
                continue
            segments = method.flat.split("/")[1:-2]
            parent = Template("/".join(segments)).name_in(target.split("/")) if segments else ""
            if len(parent.split("/")) == len(segments) and len(parent) > len(found):
                found = parent
        return found


def kinds_of(api: str, park: Park) -> dict[str, Collection]:
    """The collections of an API by path, made anew."""
    places = (place.partition(":") for place in KINDS.get(api, ()))
    kinds = (getattr(importlib.import_module(module), name)(park) for module, _, name in places)
    return {kind.path: kind for kind in kinds}


def style_of(document: Document, method: Method) -> Literal["compute", "google", "plain"]:
    """What a method answers: an operation of one of the two kinds, or something else."""
    if not method.response.endswith("Operation"):
        return "plain"
    fields = document.schemas[method.response].get("properties", {})
    if "done" in fields:
        return "google"
    return "compute" if "targetLink" in fields and "operationType" in fields else "plain"


def _entry(document: Document, kind: Collection) -> Entry:
    schema = ""
    for verb in ("get", "create", "insert"):
        method = document.methods.get(".".join(filter(None, (kind.api, kind.path, verb))))
        if method is not None and not schema:
            schema = method.response if verb == "get" else method.request
    fields: Mapping[str, Any] = document.schemas.get(schema, {})
    return Entry(kind, Template(kind.full_name), schema, kind.custom(), fields)
