"""What requests of tenants have in common: who asks, how answers look, what an error becomes."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import DatabaseError, IntegrityError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse

from leitstand.sandbox.images.app.lines import write_line

__all__ = ["Refused", "answer", "guarded", "tenant_of"]


class Refused(Exception):
    """The request is not one that can be answered."""


def tenant_of(request: HttpRequest) -> UUID | None:
    """The tenant in the header X-Tenant, or None.

    Raises:
        Refused: The header holds no id.
    """
    header = request.headers.get("X-Tenant", "")
    try:
        return UUID(header) if header else None
    except ValueError as error:
        raise Refused("X-Tenant muss die Id eines Mandanten sein.") from error


def answer(content: dict[str, object], status: int = 200) -> HttpResponse:
    """JSON with its umlauts as they are."""
    return JsonResponse(content, status=status, json_dumps_params={"ensure_ascii": False})


def guarded(work: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer of `work`, or the error that it ended with.

    400 where the request cannot be answered, 404 where there is no such tenant, 500 where the
    schema is not the one this code knows, 503 where the database does not answer.
    """
    try:
        return work()
    except Refused as error:
        return answer({"fehler": str(error)}, 400)
    except IntegrityError:
        return answer({"fehler": "Diesen Mandanten gibt es nicht."}, 404)
    except DatabaseError as error:
        state = getattr(error.__cause__, "sqlstate", None)
        # Class 42 is a statement that this schema does not know, whatever Django calls it.
        down = isinstance(error, OperationalError) and not (state or "").startswith("42")
        text = str(error).strip().partition("\n")[0]
        write_line("ERROR", "Die Datenbank meldet einen Fehler", sqlstate=state, error=text)
        return answer({"fehler": "Datenbankfehler", "sqlstate": state}, 503 if down else 500)
