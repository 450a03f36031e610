"""The discovery documents of Google's APIs: which methods there are, and which one a request means.

The documents are those that google-api-python-client ships, so the sandbox cannot drift from what
its users send. https://developers.google.com/discovery/v1/reference/apis
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

from leitstand.sandbox.rest.apis import VERSIONS

__all__ = ["Document", "Method", "Schema", "load"]

VARIABLE = re.compile(r"\{(\+?)([^}]+)\}")

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """One method of an API.

    Attributes:
        id: Such as "compute.networks.insert".
        collection: The collection it belongs to: "networks", "projects.locations.instances".
        http: The HTTP method.
        path: Template of the URL's path below the API's root, such as "v1/{+parent}/instances".
        flat: The same with one variable for each segment that varies.
        parameters: Those of path and query, as the document describes them, by name.
        request: Name of the schema of the body, or "".
        response: Name of the schema of the answer, or "".
    """

    id: str
    collection: str
    http: str
    path: str
    flat: str
    parameters: Mapping[str, Schema]
    request: str
    response: str

    @property
    def verb(self) -> str:
        """The last part of its id: "insert"."""
        return self.id.rpartition(".")[2]

    @property
    def suffix(self) -> str:
        """What follows the colon in its path, or ""."""
        return VARIABLE.sub("", self.path).rpartition("/")[2].partition(":")[2]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pattern, end = "", 0
        for found in VARIABLE.finditer(self.path):
            group = f"(?P<v{found.start()}>{'.+' if found[1] else '[^/]+'})"
            pattern += re.escape(self.path[end : found.start()]) + group
            end = found.end()
        return re.compile(pattern + re.escape(self.path[end:]))

    def values(self, path: str) -> dict[str, str] | None:
        """The values of the path's variables, decoded; None where it is not such a path.

        Variables of several segments must be as their pattern says; those of one segment are left
        to the validation, which can name what is wrong.
        """
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values = {}
        for variable in VARIABLE.finditer(self.path):
            value = unquote(found[f"v{variable.start()}"])
            pattern = self.parameters.get(variable[2], {}).get("pattern")
            if variable[1] and pattern and not re.match(pattern, value):
                return None
            values[variable[2]] = value
        return values


class Document:
    """One API: its methods and schemas."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.name = str(content["name"])
        self.version = str(content["version"])
        self.schemas: Mapping[str, Schema] = content.get("schemas", {})
        self.common: Mapping[str, Schema] = content.get("parameters", {})
        site = str(content.get("servicePath", ""))
        self.methods = {found.id: found for found in _methods(content, site)}
        self._routes: dict[tuple[str, int], list[tuple[Sequence[str], Method]]] = {}
        self._open: list[Method] = []
        for method in self.methods.values():
            segments = method.flat.split("/")
            if _open_ended(method):
                self._open.append(method)
            routes = self._routes.setdefault((method.http, len(segments)), [])
            routes.append((segments, method))
        for routes in self._routes.values():
            # The more of a template is literal, the sooner it is tried: "…/{name}:enable" first.
            routes.sort(key=lambda route: len(VARIABLE.sub("", "/".join(route[0]))), reverse=True)
        self._open.sort(key=lambda method: len(method.suffix), reverse=True)

    def route(self, http: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method that a request means, and the values of its path's variables.

        Args:
            http: The HTTP method.
            path: The URL's path below the API's root, still percent-encoded, without a leading "/".
        """
        given = path.split("/")
        for segments, method in self._routes.get((http, len(given)), ()):
            if all(map(_fits, segments, given)):
                values = method.values(path)
                if values is not None:
                    return method, values
        for method in self._open:
            if method.http == http and (values := method.values(path)) is not None:
                return method, values
        return None


def load(api: str) -> Document:
    """Read the document of a served API; takes up to a tenth of a second.

    Raises:
        KeyError: The sandbox does not serve it.
    """
    name = f"{api}.{VERSIONS[api]}.json"
    documents = files("googleapiclient.discovery_cache.documents")
    return Document(json.loads(documents.joinpath(name).read_bytes()))


def _methods(resource: Mapping[str, Any], site: str, path: str = "") -> Iterator[Method]:
    for content in resource.get("methods", {}).values():
        yield Method(
            id=content["id"],
            collection=path,
            http=content["httpMethod"],
            path=site + content["path"],
            flat=site + content.get("flatPath", content["path"]),
            parameters=content.get("parameters", {}),
            request=content.get("request", {}).get("$ref", ""),
            response=content.get("response", {}).get("$ref", ""),
        )
    for name, inner in resource.get("resources", {}).items():
        yield from _methods(inner, site, f"{path}.{name}" if path else name)


def _fits(segment: str, given: str) -> bool:
    """Whether a segment of a path is as its template wants it."""
    if "{" not in segment:
        return segment == given
    before, _, rest = segment.partition("{")
    after = rest.rpartition("}")[2]
    longer = len(given) > len(before) + len(after)
    return longer and given.startswith(before) and given.endswith(after)


def _open_ended(method: Method) -> bool:
    """Whether one of its variables may have any number of segments."""
    patterns = (found.get("pattern", "") for found in method.parameters.values())
    return any(pattern in ("^.*$", "^.+$") for pattern in patterns)
