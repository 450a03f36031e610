"""The Django app `documents`."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["DocumentsConfig"]


class DocumentsConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """Its migrations are the schema versions that a revision understands or not."""

    name = "leitstand.sandbox.images.app.documents"
    label = "documents"
