"""REST requests for methods that a gRPC handler of the sandbox answers already.

Pure: names and JSON in, names and JSON out. The engine turns the JSON into the method's message
and calls it through `Rpc.call`, so that faults strike and calls are logged as over gRPC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from leitstand.sandbox.errors import ApiError, invalid, unimplemented
from leitstand.sandbox.rest.bridge_methods import METHODS
from leitstand.sandbox.rest.changes import camel
from leitstand.sandbox.store import raw

__all__ = ["answered", "bridged"]

# https://cloud.google.com/apis/docs/system-parameters: about the answer, not the request.
SYSTEM = frozenset(
    {
        "$.xgafv", "$alt", "$fields", "$prettyPrint", "access_token", "alt", "callback", "fields",
        "key", "oauth_token", "prettyPrint", "quotaUser", "uploadType", "upload_protocol",
        "userProject",
    }
)  # fmt: skip
FLAGS = frozenset(
    {
        "allowMissing", "enableFinalBackup", "force", "reconcilePscNetworking",
        "reconcilePscNetworkingForce", "returnPartialSuccess", "revokeExistingRoles",
        "revokeExistingServerRoles", "showDeleted", "validateOnly",
    }
)  # fmt: skip
LISTS = frozenset({"aggregation.groupByFields", "databaseRoles", "serverRoles"})
# In the discovery documents, but not in the messages of the installed clients.
UNKNOWN_TO_CLIENTS = frozenset({"forceNewRevision"})


def bridged(
    method_id: str, params: Mapping[str, str], body: dict[str, Any]
) -> tuple[str, dict[str, Any]] | None:
    """The gRPC method behind a REST method, and its request as proto JSON.

    Args:
        method_id: Of the discovery document, such as `run.projects.locations.services.create`.
        params: Path and query parameters by their names there, as text; a repeated one is joined
            by commas.
        body: The JSON of the HTTP body; `{}` without one. Not changed.

    Returns:
        Full gRPC path and request (camelCase), or None where no gRPC handler exists.

    Raises:
        ApiError: INVALID_ARGUMENT for a parameter that is none of its type; UNIMPLEMENTED for one
            that the sandbox cannot follow.
    """
    bridge = METHODS.get(method_id)
    if bridge is None:
        return None
    asked = {name: text for name, text in params.items() if name not in SYSTEM}
    for name in UNKNOWN_TO_CLIENTS & asked.keys():
        if _flag(name, asked.pop(name)):
            raise unimplemented(name)
    given: dict[str, Any] = {}
    for name, text in asked.items():
        # A parameter such as `interval.endTime` is a field of a field.
        *above, last = name.split(".")
        place = given
        for part in above:
            place = place.setdefault(part, {})
        place[last] = _value(name, text)
    content = dict(body)
    if bridge.named:
        content["name"] = given.pop("name", "")
    if bridge.body == "*":
        # What the path names holds, whatever the body says.
        return bridge.path, {**content, **given}
    return bridge.path, ({**given, bridge.body: content} if bridge.body else given)


def answered(message: Any) -> dict[str, Any]:
    """A message as JSON: enums as names, 64-bit integers as text."""
    document: dict[str, Any] = json_format.MessageToDict(raw(message))
    return document


def _value(name: str, text: str) -> Any:
    if name in FLAGS:
        return _flag(name, text)
    if name in LISTS:
        return text.split(",")
    # Proto JSON knows camelCase only.
    return camel(text) if name == "updateMask" else text


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise _bad(name, "TYPE_BOOL", text)
    return text == "true"


def _bad(name: str, type_: str, text: str) -> ApiError:
    return invalid(f"Invalid value at '{name}' ({type_}), \"{text}\"", name)
