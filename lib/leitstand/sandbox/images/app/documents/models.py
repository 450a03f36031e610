"""Tenants and documents as the code of this image's version knows them.

Version 1 and 2 know `pages`, version 3 writes both columns, from version 4 on there is only
`page_count`.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

__all__ = ["Document", "Tenant"]

_VERSION = settings.SCHEMA_NEWEST


class Tenant(models.Model):  # type: ignore[misc]  # Django has no types
    """A customer; sees nothing of any other."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Its table."""

        db_table = "tenants"


class Document(models.Model):  # type: ignore[misc]  # Django has no types
    """A document of one tenant."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    title = models.CharField(max_length=200)
    body = models.TextField()
    if _VERSION < 4:
        pages = models.IntegerField(db_default=0)
    if _VERSION >= 5:
        page_count = models.BigIntegerField(db_default=0)
    elif _VERSION >= 3:
        page_count = models.IntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Its table, and the order in which it is listed."""

        db_table = "documents"
        indexes = (models.Index(fields=["tenant", "-created_at"], name="documents_newest"),)

    @staticmethod
    def counted(pages: int) -> dict[str, int]:
        """The columns of this version for a number of pages."""
        columns = {"pages": pages} if _VERSION < 4 else {}
        return columns | ({"page_count": pages} if _VERSION >= 3 else {})

    @property
    def length(self) -> int:
        """The number of pages, whichever column has it."""
        if _VERSION < 3:
            return int(self.pages)
        # Older code, which may run beside this one, does not write the new column.
        return int(self.page_count or getattr(self, "pages", 0))


if _VERSION >= 2:

    class Bookmark(models.Model):  # type: ignore[misc]  # Django has no types
        """A place in a document that somebody wants to find again."""

        tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
        document = models.ForeignKey(Document, on_delete=models.CASCADE)
        note = models.TextField(null=True)
        created_at = models.DateTimeField(db_default=Now())

        class Meta:
            """Its table."""

            db_table = "bookmarks"
