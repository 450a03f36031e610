"""`/api/search`: which of a tenant's documents are nearest to a text."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from pgvector.django import CosineDistance

from leitstand.sandbox.images.app.tenancy import as_tenant
from leitstand.sandbox.images.app.tenant_requests import Refused, answer, guarded, tenant_of
from leitstand.sandbox.images.app.vectors.models import Embedding
from leitstand.sandbox.images.embedding import embed

__all__ = ["answer_search"]

_SHOWN = 10
_LONGEST = 1000


def answer_search(request: HttpRequest) -> HttpResponse:
    """GET with `q`: the ten nearest documents of X-Tenant, the nearest first; none without it.

    Errors are those of `guarded`.
    """
    return guarded(partial(_answer, request))


def _answer(request: HttpRequest) -> HttpResponse:
    tenant, wanted = tenant_of(request), request.GET.get("q", "").strip()
    if not 0 < len(wanted) <= _LONGEST:
        raise Refused(f"q braucht 1 bis {_LONGEST} Zeichen.")
    return answer({"treffer": _nearest(tenant, wanted), "version": settings.VERSION})


def _nearest(tenant: UUID | None, text: str) -> list[dict[str, str | int | float]]:
    distance = CosineDistance("embedding", embed(text, settings.VECTOR_DIMENSIONS))
    with as_tenant(tenant):
        _set_search_options()
        found = (
            Embedding.objects.annotate(distance=distance)
            .order_by("distance")
            .values_list("document_id", "document__title", "distance")[:_SHOWN]
        )
        return [
            {"id": document, "titel": title, "abstand": round(far, 6)}
            for document, title, far in found
        ]


def _set_search_options() -> None:
    """For this transaction: what the environment says of each kind of index."""
    with connection.cursor() as cursor:
        for name, value in settings.SEARCH_OPTIONS.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
