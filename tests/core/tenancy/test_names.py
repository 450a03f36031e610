"""Names of tenants become names of schemas, and never each other's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.tenancy.names import NameUnusable, slug, tenant_names
from leitstand.core.tenancy.naming import ambiguous, named_tenants
from leitstand.core.tenancy.types import Tenant
from leitstand.sandbox.images.app.tenant_names import slug as slug_of_the_application
from tests.fixtures.tenants import TENANCY


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Müller & Söhne GmbH", "mueller_soehne_gmbh"),
        ("ÄÖÜß", "aeoeuess"),
        ("  Nord--Süd  ", "nord_sued"),
        ("Mandant 1", "mandant_1"),
        ("a" * 60, "a" * 40),
        (f"{'b' * 39} c", "b" * 39),
        ("Café", "caf"),
    ],
)
def test_a_slug_is_what_the_name_says_in_small_letters(name: str, expected: str):
    assert expected == slug(name)


@given(name=st.text(max_size=120))
def test_a_slug_fits_into_an_identifier_and_is_the_applications_own(name: str):
    try:
        found = slug(name)
    except NameUnusable:
        assert "" == slug_of_the_application(name)
        return
    assert re.fullmatch(r"[a-z0-9]([a-z0-9_]{0,38}[a-z0-9])?", found)
    assert slug_of_the_application(name) == found
    assert all(
        len(text) <= 63
        for text in (
            tenant_names(found, TENANCY).schema,
            tenant_names(found, TENANCY).rag_schema,
        )
    )


@pytest.mark.parametrize("name", ["", "&", "!!!", "日本"])
def test_a_name_without_letters_is_refused(name: str):
    with pytest.raises(NameUnusable):
        slug(name)


def test_a_tenant_cannot_be_named_like_anothers_embeddings():
    assert ambiguous(tenant_names("rag_nord", TENANCY), TENANCY)
    assert not ambiguous(tenant_names("ragnar", TENANCY), TENANCY)
    assert not ambiguous(tenant_names("rag", TENANCY), TENANCY)


def test_the_first_tenant_keeps_the_name_and_the_next_one_is_told_whose_it_is():
    first, second, third = (Tenant(str(n), name) for n, name in enumerate(("Süd", "Sued", "?")))
    named, unusable = named_tenants([first, second, third], TENANCY)
    assert [first] == [tenant for tenant, _ in named]
    assert ((second, "Süd"), (third, "?")) == unusable
