"""The discovery documents of Google's REST APIs: their methods, and what fills a method's path.

The documents are those that google-api-python-client ships; nothing is fetched.
Format: https://developers.google.com/discovery/v1/reference/apis
"""

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

__all__ = ["Document", "Method", "UnknownMethod", "document"]

_VARIABLE = re.compile(r"\{(\+?)([^}]+)\}")
_parsing = threading.Lock()


class UnknownMethod(KeyError):
    """A document has no such method: a mistake in the table of kinds."""


@dataclass(frozen=True)
class Method:
    """One method of an API.

    Attributes:
        collection: Where it stands, e.g. ``projects.secrets``; empty for the API's own.
        name: Its name there, e.g. ``addVersion``.
        http: The HTTP method.
        path: Template of the path, e.g. ``v1/{+parent}/secrets``.
        parameters: Those of path and query by name, as the document describes them.
        request: Name of the schema of the body; empty where it has none.
        response: Name of the schema of the answer; empty where it has none.
    """

    collection: str
    name: str
    http: str
    path: str
    parameters: Mapping[str, Mapping[str, Any]]
    request: str
    response: str

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, so that it may be repeated."""
        return self.http == "GET" or self.name.startswith(("get", "list", "test"))

    @property
    def starts_operation(self) -> bool:
        """Whether its answer is an operation."""
        return self.response.endswith("Operation")

    def takes(self, query: str) -> bool:
        """Return whether it has this query parameter."""
        return self.parameters.get(query, {}).get("location") == "query"

    def path_values(self, name: str) -> dict[str, str] | None:
        """Return what fills the path for a resource; ``None`` where the name does not fit.

        A method on the parent, such as a creation, takes the leading part of the full name.
        """
        found = self._match(name)
        if found is None:
            return None
        return dict(zip(self._variables, found.groups(), strict=True))

    def names(self, name: str) -> bool:
        """Return whether the path takes the whole of a full name, and not only its parent's."""
        found = self._match(name)
        return found is not None and found.end() == len(name)

    @cached_property
    def _variables(self) -> tuple[str, ...]:
        return tuple(found[2] for found in _VARIABLE.finditer(self.path))

    def _match(self, name: str) -> re.Match[str] | None:
        segments = re.sub(r":\w+$", "", self.path).split("/")
        first = name.partition("/")[0]
        while segments and segments[0] != first and not _VARIABLE.fullmatch(segments[0]):
            del segments[0]
        patterns = [self._pattern(segment) for segment in segments]
        found = re.match("/".join(patterns) + "(?=/|$)", name)
        if found is None and not _VARIABLE.fullmatch(segments[-1]):
            # The last segment may say what is done, such as {+name}/authString.
            found = re.fullmatch("/".join(patterns[:-1]), name)
        return found

    def _pattern(self, segment: str) -> str:
        variable = _VARIABLE.fullmatch(segment)
        if variable is None:
            return re.escape(segment)
        if not variable[1]:
            return "([^/]+)"
        pattern = str(self.parameters[variable[2]].get("pattern", ".+"))
        return f"({pattern.removeprefix('^').removesuffix('$')})"


class Document:
    """One discovery document.

    Attributes:
        content: As Google publishes it.
        schemas: Its schemas by name.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = content
        self.schemas: Mapping[str, Mapping[str, Any]] = content.get("schemas", {})

    def method(self, collection: str, name: str) -> Method:
        """Return a method of a collection, or of the next one above that has it.

        Raises:
            UnknownMethod: none has it.
        """
        path = collection.split(".")
        while path:
            node: Mapping[str, Any] = self.content
            for part in path:
                node = node.get("resources", {}).get(part, {})
            if name in node.get("methods", {}):
                return _method(".".join(path), name, node["methods"][name])
            del path[-1]
        raise UnknownMethod(f"{self.content['id']}: {collection}.{name}")

    def operation_method(self, name: str) -> Method | None:
        """Return the method that reads the operation of this full name; ``None`` without one."""
        return next((method for method in self._operations if method.names(name)), None)

    def fields(self, schema: str) -> frozenset[str]:
        """Return the names of the fields of a schema."""
        return frozenset(self.schemas.get(schema, {}).get("properties", {}))

    def encoded(self, value: Any, schema: Mapping[str, Any]) -> Any:
        """Return a value of a schema with its texts of format ``byte`` in base64 (RFC 4648)."""
        schema = self.schemas.get(schema.get("$ref", ""), schema)
        if isinstance(value, str) and schema.get("format") == "byte":
            return b64encode(value.encode()).decode()
        if isinstance(value, Mapping):
            fields, other = schema.get("properties", {}), schema.get("additionalProperties", {})
            return {key: self.encoded(item, fields.get(key, other)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.encoded(item, schema.get("items", {})) for item in value]
        return value

    def without_schemas(self) -> dict[str, Any]:
        """Return the content with empty schemas: the client reads them for its docstrings only."""
        return {**self.content, "schemas": {n: {"id": n, "type": "object"} for n in self.schemas}}

    @cached_property
    def _operations(self) -> tuple[Method, ...]:
        return tuple(
            _method(path, "get", methods["get"])
            for path, methods in _collections(self.content)
            if path.lower().endswith("operations") and "get" in methods
        )


def document(api: str) -> Document:
    """Return the discovery document of an API such as ``compute.v1``; parsed once.

    Raises:
        FileNotFoundError: google-api-python-client ships none of this name.
    """
    with _parsing:  # or else threads that start together would each parse five megabytes
        return _document(api)


@lru_cache
def _document(api: str) -> Document:
    from importlib.resources import files

    shipped = files("googleapiclient") / "discovery_cache" / "documents" / f"{api}.json"
    return Document(json.loads(shipped.read_bytes()))


def _method(collection: str, name: str, content: Mapping[str, Any]) -> Method:
    return Method(
        collection,
        name,
        content["httpMethod"],
        content["path"],
        content.get("parameters", {}),
        content.get("request", {}).get("$ref", ""),
        content.get("response", {}).get("$ref", ""),
    )


def _collections(
    node: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    for name, inner in node.get("resources", {}).items():
        path = f"{above}.{name}".removeprefix(".")
        yield path, inner.get("methods", {})
        yield from _collections(inner, path)
