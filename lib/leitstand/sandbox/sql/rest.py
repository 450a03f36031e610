"""Cloud SQL over REST and JSON, as Google's command-line tool asks for it.

The routes are those of the API's discovery documents, v1 and v1beta4; behind them are the same
methods, faults included, as behind gRPC.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web
from google.protobuf import json_format

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.http_errors import status_of
from leitstand.sandbox.rpc import Rpc
from leitstand.sandbox.store import raw

__all__ = ["Rest"]

SITES = re.compile(r"/(?:sql/v1beta4|v1)/projects/(?P<project>[^/]+)(?P<rest>/.*)")
INSTANCE = r"/instances/(?P<instance>[^/]+)"
# HTTP method, path within the project, method of the API.
ROUTES = tuple(
    (method, re.compile(path), f"/google.cloud.sql.v1.Sql{name}")
    for method, path, name in (
        ("GET", "/instances", "InstancesService/List"),
        ("POST", "/instances", "InstancesService/Insert"),
        ("GET", INSTANCE, "InstancesService/Get"),
        ("PATCH", INSTANCE, "InstancesService/Patch"),
        ("PUT", INSTANCE, "InstancesService/Update"),
        ("DELETE", INSTANCE, "InstancesService/Delete"),
        ("POST", INSTANCE + "/clone", "InstancesService/Clone"),
        ("POST", INSTANCE + "/restart", "InstancesService/Restart"),
        ("POST", INSTANCE + "/restoreBackup", "InstancesService/RestoreBackup"),
        ("GET", INSTANCE + "/getLatestRecoveryTime", "InstancesService/GetLatestRecoveryTime"),
        ("GET", INSTANCE + "/connectSettings", "ConnectService/GetConnectSettings"),
        ("GET", INSTANCE + "/backupRuns", "BackupRunsService/List"),
        ("POST", INSTANCE + "/backupRuns", "BackupRunsService/Insert"),
        ("GET", INSTANCE + r"/backupRuns/(?P<id>\d+)", "BackupRunsService/Get"),
        ("DELETE", INSTANCE + r"/backupRuns/(?P<id>\d+)", "BackupRunsService/Delete"),
        ("GET", INSTANCE + "/databases", "DatabasesService/List"),
        ("POST", INSTANCE + "/databases", "DatabasesService/Insert"),
        ("GET", INSTANCE + "/databases/(?P<database>[^/]+)", "DatabasesService/Get"),
        ("DELETE", INSTANCE + "/databases/(?P<database>[^/]+)", "DatabasesService/Delete"),
        ("GET", INSTANCE + "/users", "UsersService/List"),
        ("POST", INSTANCE + "/users", "UsersService/Insert"),
        ("PUT", INSTANCE + "/users", "UsersService/Update"),
        ("DELETE", INSTANCE + "/users", "UsersService/Delete"),
        ("GET", INSTANCE + "/users/(?P<name>[^/]+)", "UsersService/Get"),
        ("GET", "/operations", "OperationsService/List"),
        ("GET", "/operations/(?P<operation>[^/]+)", "OperationsService/Get"),
    )
)


class Rest:
    """Answers the paths below no API's name.

    Args:
        rpc: Has the methods.
    """

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer a request of gcloud's, which names no API in its path."""
        path, fields = _route(request.method, request.path)
        if not path:
            return _error(404, f"There is no {request.method} {request.path}.", "notFound", "")
        try:
            message = await self._message(path, fields, request)
            answer = await self._rpc.call(path, message)
        except ApiError as error:
            return _error(status_of(error), error.message, error.reason, error.code.name)
        except (ValueError, json_format.ParseError) as error:
            return _error(400, f"Invalid JSON: {error}", "parseError", "INVALID_ARGUMENT")
        return web.json_response(json_format.MessageToDict(raw(answer)))

    async def _message(self, path: str, fields: dict[str, str], request: web.BaseRequest) -> Any:
        """The request of the API's method, from the route, the query and the body."""
        message = self._rpc.request_type(path)()
        content: dict[str, Any] = {name: _value(text) for name, text in request.query.items()}
        # What the route says holds; the rest of the query that the method lacks is ignored.
        content |= fields
        body = await request.read()
        if body:
            content["body"] = json.loads(body)
        json_format.ParseDict(content, raw(message), ignore_unknown_fields=True)
        return message


def _route(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The API's method and the fields that its path names; "" where there is none."""
    site = SITES.fullmatch(path)
    if site is not None:
        for wanted, pattern, name in ROUTES:
            match = pattern.fullmatch(site["rest"])
            if match is not None and wanted == method:
                return name, {"project": site["project"], **match.groupdict()}
    return "", {}


def _value(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text, text)


def _error(status: int, message: str, reason: str, code: str) -> web.Response:
    detail = {"message": message, "domain": "global", "reason": reason or "backendError"}
    error = {"code": status, "message": message, "errors": [detail]}
    if code:
        error["status"] = code
    return web.json_response({"error": error}, status=status)
