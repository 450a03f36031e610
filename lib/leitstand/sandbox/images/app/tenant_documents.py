"""`/api/documents` with a database: the documents of one tenant, read and written."""

from __future__ import annotations

import json
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

from leitstand.sandbox.images.app.background import enqueue
from leitstand.sandbox.images.app.documents.models import Document
from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.app.tenancy import as_tenant

__all__ = ["answer_documents"]

_SHOWN = 50


class _Refused(Exception):
    """The request is not one that can be answered."""


def answer_documents(request: HttpRequest) -> HttpResponse:
    """GET: the newest documents of X-Tenant, none without it. POST: adds one, from JSON.

    500 where the schema is not the one this code knows, 503 where the database does not answer.
    """
    try:
        tenant = _tenant(request)
        if request.method == "POST":
            added = _add(tenant, request)
            enqueue("embed_document", added, str(tenant))
            return _answer({"id": added}, 201)
        return _answer({"dokumente": _newest(tenant), "version": settings.VERSION}, 200)
    except _Refused as error:
        return _answer({"fehler": str(error)}, 400)
    except IntegrityError:
        return _answer({"fehler": "Diesen Mandanten gibt es nicht."}, 404)
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", None)
        # Class 42 is a statement that this schema does not know, whatever Django calls it.
        down = isinstance(error, OperationalError) and not (state or "").startswith("42")
        text = str(error).strip().partition("\n")[0]
        write_line("ERROR", "Die Datenbank meldet einen Fehler", sqlstate=state, error=text)
        return _answer({"fehler": "Datenbankfehler", "sqlstate": state}, 503 if down else 500)


def _newest(tenant: UUID | None) -> list[dict[str, str | int]]:
    with as_tenant(tenant):
        found = Document.objects.order_by("-created_at", "-id")[:_SHOWN]
        return [
            {"id": document.pk, "titel": document.title, "seiten": document.length}
            for document in found
        ]


def _add(tenant: UUID | None, request: HttpRequest) -> int:
    try:
        sent = json.loads(request.body)
        title, pages = str(sent["titel"]), int(sent.get("seiten", 1))
        body = str(sent.get("text", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Refused("Der Körper muss JSON mit titel, text und seiten sein.") from error
    if not 0 < len(title) <= 200 or not 0 < pages < 100_000:
        raise _Refused("titel braucht 1 bis 200 Zeichen, seiten eine Zahl über 0.")
    with as_tenant(tenant):
        columns = Document.counted(pages)
        return int(Document.objects.create(tenant_id=tenant, title=title, body=body, **columns).pk)


def _tenant(request: HttpRequest) -> UUID | None:
    header = request.headers.get("X-Tenant", "")
    try:
        return UUID(header) if header else None
    except ValueError as error:
        raise _Refused("X-Tenant muss die Id eines Mandanten sein.") from error


def _answer(content: dict[str, object], status: int) -> HttpResponse:
    return JsonResponse(content, status=status, json_dumps_params={"ensure_ascii": False})
