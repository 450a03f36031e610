"""Pages of the sample application."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import render

from leitstand.sandbox.images.app.lines import write_line

__all__ = ["documents", "export", "healthz", "smoke", "start_page"]

_DOCUMENTS: tuple[dict[str, str | int], ...] = (
    {"id": 1, "titel": "Wartungsplan Kühlkreislauf", "seiten": 12},
    {"id": 2, "titel": "Prüfbericht Druckbehälter", "seiten": 34},
    {"id": 3, "titel": "Schulung Bereitschaftsdienst", "seiten": 8},
)


def start_page(request: HttpRequest) -> HttpResponse:
    """The start page, in German; shows the version."""
    return render(request, "start.html", {"version": settings.VERSION, **_identity()})


def healthz(request: HttpRequest) -> HttpResponse:
    """Readiness: answers 200 as soon as the process can serve."""
    return JsonResponse({"status": "ok", "version": settings.VERSION, **_identity()})


def documents(request: HttpRequest) -> HttpResponse:
    """GET: a small JSON list, as the front end asks for it. POST: takes in a document."""
    if request.method == "POST":
        digest = hashlib.sha256()
        size = 0
        while chunk := request.read(64 * 1024):
            digest.update(chunk)
            size += len(chunk)
        return JsonResponse({"bytes": size, "sha256": digest.hexdigest()}, status=201)
    answer = {"dokumente": _DOCUMENTS, "version": settings.VERSION}
    return JsonResponse(answer, json_dumps_params={"ensure_ascii": False})


def export(request: HttpRequest) -> StreamingHttpResponse:
    """All pages of all documents as CSV, written while it is read."""
    return StreamingHttpResponse(_export_lines(), content_type="text/csv; charset=utf-8")


def smoke(request: HttpRequest) -> HttpResponse:
    """Smoke test: 200 if every required setting is present, otherwise 500 with their names."""
    missing = [name for name in settings.REQUIRED if not os.environ.get(name)]
    if settings.SMOKE_FAILS:
        missing.append("APP_SEARCH_INDEX")
    if missing:
        write_line("ERROR", "Die Konfiguration ist unvollständig", missing=missing)
    answer = {"ok": not missing, "missing": missing, "version": settings.VERSION, **_identity()}
    return JsonResponse(answer, status=500 if missing else 200)


def _export_lines() -> Iterator[str]:
    yield "titel;seite\n"
    for document in _DOCUMENTS:
        for number in range(1, int(document["seiten"]) + 1):
            yield f"{document['titel']};{number}\n"


def _identity() -> dict[str, str]:
    return {"revision": settings.REVISION, "instance": settings.INSTANCE}
