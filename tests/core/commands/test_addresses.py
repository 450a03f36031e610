"""Addresses in REST are those of the discovery documents, for every kind of resource."""

from urllib.parse import unquote, urlsplit

import pytest

from leitstand.cloud.documents import document
from leitstand.core.commands.addresses import create_path, delete_path, resource_path, update_path
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind


def name_of(kind: Kind) -> tuple[str, str]:
    parts = [f"part{place}" for place in range(3) if f"{{{place}}}" in kind.path]
    own = "/".join(parts) or "this"
    return own, kind.full_name(own, project="p", number="1", region="r")


def expected(kind: Kind, method: str, name: str) -> tuple[str, str]:
    """Return HTTP method and path as the discovery document has them."""
    content = document(kind.api)
    found = content.method(kind.collection, method)
    values = found.path_values(name)
    assert values is not None
    path = found.path
    for key, value in values.items():
        path = path.replace("{+" + key + "}", value).replace("{" + key + "}", value)
    return found.http, content.content["servicePath"] + path


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_is_where_its_discovery_document_says(kind: Kind) -> None:
    own, name = name_of(kind)
    if kind.read == "get":
        assert ("GET", resource_path(kind, name)) == expected(kind, "get", name)
    if kind.delete and kind.delete not in ("destroy", "deleteConnection"):
        plain = delete_path(kind, name).partition("?")[0]
        assert ("DELETE", plain) == expected(kind, kind.delete, name)
    if kind.create:
        method, path = create_path(kind, own, name, "p")
        plain, _, query = path.partition("?")
        assert (method, plain) == expected(kind, kind.create, name)
        taken = document(kind.api).method(kind.collection, kind.create)
        assert all(taken.takes(item.partition("=")[0]) for item in query.split("&") if item)
    if kind.update and kind.update != "setIamPolicy":
        method, path = update_path(kind, name, ("a", "b.c"))
        assert (method, path.partition("?")[0]) == expected(kind, kind.update, name)
        mask = unquote(urlsplit(path).query)
        update = document(kind.api).method(kind.collection, kind.update)
        masked = kind.masked and update.takes("updateMask")
        assert mask == ("updateMask=a,b.c" if masked else "")
