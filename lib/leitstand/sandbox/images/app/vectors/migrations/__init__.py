"""Migrations of the vector store; an image finds those of its own version only."""

from __future__ import annotations

from django.conf import settings

from leitstand.sandbox.images.app.layers import layers

__path__ = layers(__file__, settings.VECTORS_NEWEST)
