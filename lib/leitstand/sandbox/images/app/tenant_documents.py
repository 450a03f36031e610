"""`/api/documents` with a database: the documents of one tenant, read and written."""

from __future__ import annotations

import json
from functools import partial
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from leitstand.sandbox.images.app.background import enqueue
from leitstand.sandbox.images.app.documents.models import Document
from leitstand.sandbox.images.app.tenancy import as_tenant
from leitstand.sandbox.images.app.tenant_requests import Refused, answer, guarded, tenant_of

__all__ = ["answer_documents"]

_SHOWN = 50


def answer_documents(request: HttpRequest) -> HttpResponse:
    """GET: the newest documents of X-Tenant, none without it. POST: adds one, from JSON.

    Errors are those of `guarded`.
    """
    return guarded(partial(_answer, request))


def _answer(request: HttpRequest) -> HttpResponse:
    tenant = tenant_of(request)
    if request.method == "POST":
        added = _add(tenant, request)
        enqueue("embed_document", added, str(tenant))
        return answer({"id": added}, 201)
    return answer({"dokumente": _newest(tenant), "version": settings.VERSION})


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
        raise Refused("Der Körper muss JSON mit titel, text und seiten sein.") from error
    if not 0 < len(title) <= 200 or not 0 < pages < 100_000:
        raise Refused("titel braucht 1 bis 200 Zeichen, seiten eine Zahl über 0.")
    with as_tenant(tenant):
        columns = Document.counted(pages)
        return int(Document.objects.create(tenant_id=tenant, title=title, body=body, **columns).pk)
