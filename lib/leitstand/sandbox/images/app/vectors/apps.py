"""The Django app `vectors`."""

from __future__ import annotations

from django.apps import AppConfig

__all__ = ["VectorsConfig"]


class VectorsConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """Its migrations are run by themselves, after those of the documents."""

    name = "leitstand.sandbox.images.app.vectors"
    label = "vectors"
