"""What a tenant is called in the database: slug, schemas and role."""

import re
from dataclasses import dataclass

from leitstand.core.errors import InputError
from leitstand.core.resources import Tenancy

__all__ = [
    "SLUG_LENGTH",
    "NameUnusable",
    "TenantNames",
    "prefix",
    "slug",
    "slug_in",
    "tenant_names",
]

SLUG_LENGTH = 40
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_OTHER = re.compile(r"[^a-z0-9]+")
_PLACE = "{slug}"


class NameUnusable(InputError):
    """A tenant's name holds no letter or digit that a schema could be named after.

    Attributes:
        name: The name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Aus dem Namen „{name}“ lässt sich kein Schema benennen.",
            "Geben Sie einen Namen mit mindestens einem Buchstaben oder einer Ziffer an.",
        )
        self.name = name


@dataclass(frozen=True)
class TenantNames:
    """What belongs to one tenant, with a schema per tenant.

    Attributes:
        slug: The tenant in names.
        schema: Of its tables.
        rag_schema: Of its embeddings.
        role: That its requests work as.
    """

    slug: str
    schema: str
    rag_schema: str
    role: str


def slug(name: str) -> str:
    """Return a tenant's name as it stands in names of schemas: ``a-z``, ``0-9`` and ``_``.

    Lower case, umlauts spelled out, every run of other characters one underscore, none at the
    ends, at most 40 characters.

    Raises:
        NameUnusable: nothing is left.
    """
    text = _OTHER.sub("_", name.lower().translate(_SPELLED_OUT)).strip("_")
    short = text[:SLUG_LENGTH].strip("_")
    if not short:
        raise NameUnusable(name)
    return short


def tenant_names(slug: str, tenancy: Tenancy) -> TenantNames:
    """Return what a tenant's schemas and role are called."""
    return TenantNames(
        slug=slug,
        schema=tenancy.schema_name.replace(_PLACE, slug),
        rag_schema=tenancy.rag_schema.replace(_PLACE, slug),
        role=tenancy.tenant_role.replace(_PLACE, slug),
    )


def prefix(pattern: str) -> str:
    """Return what stands before the slug in a pattern of the environment file."""
    return pattern.removesuffix(_PLACE)


def slug_in(name: str, pattern: str) -> str:
    """Return the slug in a name that a pattern of the environment file gives; empty in others."""
    before, _, after = pattern.partition(_PLACE)
    fits = name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else ""
