"""Pages of the sample application."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render

from leitstand.sandbox.images.app.background import enqueue
from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.app.schema import SchemaWatch, as_json, fits

__all__ = ["documents", "export", "healthz", "search", "smoke", "start_page"]

_DOCUMENTS: tuple[dict[str, str | int], ...] = (
    {"id": 1, "titel": "Wartungsplan Kühlkreislauf", "seiten": 12},
    {"id": 2, "titel": "Prüfbericht Druckbehälter", "seiten": 34},
    {"id": 3, "titel": "Schulung Bereitschaftsdienst", "seiten": 8},
)

_watch = SchemaWatch()


def start_page(request: HttpRequest) -> HttpResponse:
    """The start page, in German; shows the version."""
    return render(request, "start.html", {"version": settings.VERSION, **_identity()})


def healthz(request: HttpRequest) -> HttpResponse:
    """Readiness: answers 200 as soon as the process can serve; tells the schema it sees."""
    answer = {"status": "ok", "version": settings.VERSION, **_identity()}
    if settings.DATABASE_URL:
        answer["schema"] = as_json(_watch.seen())
    return JsonResponse(answer)


def documents(request: HttpRequest) -> HttpResponse:
    """GET: a JSON list, as the front end asks for it. POST: takes in a document.

    With a database: those of the tenant in the header X-Tenant (tenant_documents.py). Without one,
    or for an upload of no tenant: a fixed list, and a receipt. With a queue: what was taken in
    gives the worker a task.
    """
    upload = request.method == "POST" and not request.headers.get("X-Tenant")
    if settings.HAS_DATABASE and not upload:
        from leitstand.sandbox.images.app.tenant_documents import answer_documents

        return answer_documents(request)
    if request.method == "POST":
        digest = hashlib.sha256()
        size = 0
        while chunk := request.read(64 * 1024):
            digest.update(chunk)
            size += len(chunk)
        enqueue("send_mail", f"Eingang bestätigt: {digest.hexdigest()[:12]}")
        return JsonResponse({"bytes": size, "sha256": digest.hexdigest()}, status=201)
    answer = {"dokumente": _DOCUMENTS, "version": settings.VERSION}
    return JsonResponse(answer, json_dumps_params={"ensure_ascii": False})


def search(request: HttpRequest) -> HttpResponse:
    """The documents of a tenant that are nearest to a text (tenant_search.py).

    Without a database nothing is found.
    """
    if settings.HAS_DATABASE:
        from leitstand.sandbox.images.app.tenant_search import answer_search

        return answer_search(request)
    return JsonResponse({"treffer": [], "version": settings.VERSION})


def export(request: HttpRequest) -> StreamingHttpResponse:
    """All pages of all documents as CSV, written while it is read."""
    return StreamingHttpResponse(_export_lines(), content_type="text/csv; charset=utf-8")


def smoke(request: HttpRequest) -> HttpResponse:
    """Smoke test: 200 if every required setting is present and the code understands the schema.

    Otherwise 500, with the names of the settings and with the schema that it sees.
    """
    missing = [name for name in settings.REQUIRED if not os.environ.get(name)]
    if settings.SMOKE_FAILS:
        missing.append("APP_SEARCH_INDEX")
    if missing:
        write_line("ERROR", "Die Konfiguration ist unvollständig", missing=missing)
    seen = _watch.seen(age=0, wait=2) if settings.DATABASE_URL else None
    ok = not missing and (seen is None or fits(seen))
    answer = {"ok": ok, "missing": missing, "version": settings.VERSION, **_identity()}
    if seen is not None:
        answer["schema"] = as_json(seen)
        if not fits(seen):
            write_line("ERROR", "Das Schema passt nicht zu dieser Version", schema=as_json(seen))
    return JsonResponse(answer, status=200 if ok else 500)


def _export_lines() -> Iterator[str]:
    yield "titel;seite\n"
    for document in _DOCUMENTS:
        for number in range(1, int(document["seiten"]) + 1):
            yield f"{document['titel']};{number}\n"


def _identity() -> dict[str, Any]:
    return {"revision": settings.REVISION, "instance": settings.INSTANCE}
