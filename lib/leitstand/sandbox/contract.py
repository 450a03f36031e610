"""The methods of the emulated APIs, read from the installed Google clients.

The source of a client's transport names the path, the request type and the shape of every method
it can call. So the server cannot drift from what the clients send; it is read and not run, since
importing all clients takes two seconds that every start of the sandbox would wait for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["LATE_PACKAGES", "PACKAGES", "Method", "contract"]

PACKAGES = (
    "google.cloud.run_v2",
    "google.cloud.secretmanager_v1",
    "google.cloud.artifactregistry_v1",
    "google.cloud.monitoring_v3",
    "google.cloud.logging_v2",
)
# Served from the first call of one of its methods on: most rehearsals have no use for it.
LATE_PACKAGES = ("google.cloud.sqladmin_v1",)

# self._logged_channel.unary_unary("/google.…/Get", request_serializer=service.Get….serialize,
_STUB = re.compile(
    r"\.(?P<shape>unary_unary|unary_stream|stream_unary|stream_stream)\(\s*"
    r'"(?P<path>/[\w.]+/\w+)",\s*'
    r"request_serializer=(?P<module>\w+)\.(?P<name>[\w.]+)\.(?:serialize|SerializeToString)\b"
)
_STUB_BEGINS = re.compile(r"\.(?:unary|stream)_(?:unary|stream)\(")


@dataclass(frozen=True)
class Method:
    """One method of an API.

    Attributes:
        path: The full gRPC path, such as `/google.cloud.run.v2.Services/GetService`.
        request: Module and name of the request's message class.
        unary: Whether it takes one request and gives one response.
    """

    path: str
    request: tuple[str, str]
    unary: bool = True

    @cached_property
    def request_type(self) -> type[Any]:
        """The message class of the request (proto-plus or protobuf); its module is imported."""
        module, name = self.request
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]  # a class, by its name alone


def contract(packages: tuple[str, ...] = PACKAGES) -> Mapping[str, Method]:
    """Every method of every client in those packages by path, google.longrunning included.

    Reads the clients' files; imports and contacts nothing, and reads no credentials.

    Raises:
        ModuleNotFoundError: A package is not installed.
        ValueError: A client's source has another form than the one known here.
    """
    methods: dict[str, Method] = {}
    for package in packages:
        for file in _transports(package):
            for method in _methods(file):
                methods.setdefault(method.path, method)
    return methods


def _transports(package: str) -> list[Path]:
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    found = [
        file
        for folder in folders
        for file in sorted(Path(folder).glob("services/*/transports/grpc_asyncio.py"))
    ]
    if not found:
        raise ModuleNotFoundError(f"No client in a package named {package}", name=package)
    return found


def _methods(file: Path) -> list[Method]:
    text = file.read_text(encoding="utf-8")
    head, _, body = text.partition("\nclass ")
    modules = _imported(head)
    found = list(_STUB.finditer(body))
    if len(found) != len(_STUB_BEGINS.findall(body)):
        raise ValueError(f"{file}: the transport has another form than expected")
    return [
        Method(
            match["path"],
            (modules[match["module"]], match["name"]),
            match["shape"] == "unary_unary",
        )
        for match in found
    ]


def _imported(head: str) -> dict[str, str]:
    """Full names of the modules that a file imports, by the names it has for them."""
    modules = {}
    for statement in ast.parse(head).body:
        if isinstance(statement, ast.Import):
            modules.update({name.asname or name.name: name.name for name in statement.names})
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            for name in statement.names:
                modules[name.asname or name.name] = f"{statement.module}.{name.name}"
    return modules
