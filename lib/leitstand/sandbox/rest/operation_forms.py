"""How operations look: Compute Engine's own form, and that of google.longrunning."""

from __future__ import annotations

import copy
import secrets
import time
import uuid
from typing import TYPE_CHECKING

from google.protobuf import json_format

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.http_errors import legacy_reason, status_of
from leitstand.sandbox.rest.apis import COMPUTE
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.times import timestamp

if TYPE_CHECKING:
    from leitstand.sandbox.rest.operations import Begun

__all__ = ["finish", "new", "response_type"]

TYPES = "type.googleapis.com/"
EMPTY = f"{TYPES}google.protobuf.Empty"


def new(begun: Begun) -> tuple[str, Body]:
    """The full name of a new operation, and how it looks."""
    if begun.style == "google":
        name = f"{begun.parent}/operations/{uuid.uuid4()}".lstrip("/")
        metadata = {
            "@type": f"{TYPES}google.cloud.{begun.api}.{begun.version}.OperationMetadata",
            "createTime": timestamp(),
            "target": begun.target,
            "verb": begun.verb,
            "apiVersion": begun.version,
        }
        return name, {"name": name, "metadata": metadata}
    short = f"operation-{time.time_ns() // 1_000_000}-{secrets.token_hex(8)}"
    name = f"{begun.parent}/operations/{short}"
    body = {
        "kind": "compute#operation",
        "id": str(secrets.randbits(62) + 1),
        "name": short,
        "operationType": begun.verb,
        "status": "RUNNING",
        "progress": 0,
        "targetLink": COMPUTE + begun.target,
        "user": "sandbox@localhost",
        "insertTime": timestamp(),
        "startTime": timestamp(),
        "selfLink": COMPUTE + name,
    }
    if begun.target_id:
        body["targetId"] = begun.target_id
    if begun.request:
        body["clientOperationId"] = begun.request
    scope, place = begun.parent.split("/")[-2:]
    if scope in ("regions", "zones"):
        body[scope.removesuffix("s")] = f"{COMPUTE}{begun.parent.rpartition('/')[0]}/{place}"
    return name, body


def response_type(begun: Begun) -> str:
    """The type of the response, as `@type` names it."""
    if not begun.response:
        return EMPTY
    return f"{TYPES}google.cloud.{begun.api}.{begun.version}.{begun.response}"


def finish(
    style: str, body: Body, type_: str, response: Body | None, error: ApiError | None
) -> None:
    """Make an operation one that is done."""
    if style == "google":
        body["done"] = True
        body.setdefault("metadata", {})["endTime"] = timestamp()
        if error is not None:
            # Written as google.rpc.Status is, details included.
            body["error"] = json_format.MessageToDict(error.status())
        else:
            body["response"] = {
                "@type": type_ if response else EMPTY,
                **copy.deepcopy(response or {}),
            }
        return
    body |= {"status": "DONE", "progress": 100, "endTime": timestamp()}
    if error is not None:
        item = {"code": _upper(error), "message": error.message}
        body["error"] = {"errors": [item]}
        body["httpErrorStatusCode"] = status_of(error)
        body["httpErrorMessage"] = error.code.value[1].upper()


def _upper(error: ApiError) -> str:
    """The code of an error in an operation: RESOURCE_NOT_READY for `resourceNotReady`."""
    if error.reason.isupper():
        return error.reason
    return "".join(f"_{sign}" if sign.isupper() else sign for sign in legacy_reason(error)).upper()
