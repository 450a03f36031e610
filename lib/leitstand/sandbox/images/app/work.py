"""What the tasks of the queue do; a worker runs them one after the other."""

from __future__ import annotations

import functools
import os
import time
from uuid import UUID

from leitstand.sandbox.images.app.lines import write_line
from leitstand.sandbox.images.embedding import embed

__all__ = ["embed_document", "heartbeat", "send_mail", "slow"]


def embed_document(document: int, tenant: str) -> None:
    """Compute the embedding of a tenant's document and store it; may run twice.

    A document that is gone, as after a recovery of the database, is told and left out.
    """
    began = time.monotonic()
    stored = _store(document, UUID(tenant)) if os.environ.get("DATABASE_URL") else None
    seconds = round(time.monotonic() - began, 3)
    fields = {"event": "embed_document.done", "document": document, "tenant": tenant}
    if stored is False:
        write_line("WARNING", "Das Dokument gibt es nicht mehr", **fields, stored=False)
    else:
        write_line("INFO", "Eingebettet", **fields, stored=bool(stored), seconds=seconds)


def send_mail(subject: str) -> None:
    """Only log that a message would have been sent."""
    write_line("INFO", "E-Mail versandt", event="send_mail.done", subject=subject)


def slow(seconds: float) -> None:
    """Take that long, as the import of a large document does."""
    write_line("INFO", "Langsame Aufgabe", event="slow.started", seconds=seconds)
    time.sleep(seconds)
    write_line("INFO", "Langsame Aufgabe", event="slow.done", seconds=seconds)


def heartbeat() -> None:
    """What beat sends from time to time: proof that beat, broker and worker work together."""
    write_line("INFO", "Herzschlag", event="heartbeat.done")


def _store(document: int, tenant: UUID) -> bool:
    _set_up_django()
    from django.conf import settings
    from django.db import close_old_connections

    from leitstand.sandbox.images.app.documents.models import Document
    from leitstand.sandbox.images.app.tenancy import as_tenant
    from leitstand.sandbox.images.app.vectors.models import Embedding

    # No request does it here: after a cut-over the old connection is gone.
    close_old_connections()
    with as_tenant(tenant):
        found = Document.objects.filter(pk=document).first()
        if found is None:
            return False
        vector = embed(f"{found.title} {found.body}", settings.VECTOR_DIMENSIONS)
        Embedding.objects.update_or_create(
            document=found, defaults={"tenant_id": tenant, "embedding": vector}
        )
    return True


@functools.cache
def _set_up_django() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leitstand.sandbox.images.app.settings")
    import django

    django.setup()
