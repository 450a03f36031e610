"""Names that belong to one tenant where each has schemas of its own; needs nothing of Django."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["TenantNames", "slug"]

_LONGEST = 40
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True)
class TenantNames:
    """Schemas and role of one tenant.

    Attributes:
        slug: The tenant's name as a part of identifiers.
    """

    slug: str

    @property
    def schema(self) -> str:
        """Schema of its tables."""
        return f"tenant_{self.slug}"

    @property
    def rag_schema(self) -> str:
        """Schema of its embeddings."""
        return f"tenant_rag_{self.slug}"

    @property
    def role(self) -> str:
        """Role that its requests work as."""
        return f"tenant_{self.slug}"

    @property
    def search_path(self) -> str:
        """Own schemas first; `public` has the types of the extension and the shared registry."""
        return f'"{self.schema}", "{self.rag_schema}", public'


def slug(name: str) -> str:
    """A tenant's name as a part of identifiers: `Müller & Söhne` becomes `mueller_soehne`."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower().translate(_UMLAUTS)).strip("_")
    return text[:_LONGEST].strip("_")
