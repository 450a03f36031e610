"""Kinds made up for tests."""

from typing import Any

from leitstand.core.kinds import Kind, Resource, Step


def kind(name: str = "test.things", **columns: Any) -> Kind:
    """A kind whose columns are the defaults, apart from those given."""
    given: dict[str, Any] = {
        "title": "Ding",
        "api": "test.v1",
        "collection": "things",
        "path": "things/{0}",
        "step": Step.NETWORK,
        **columns,
    }
    return Kind(name, **given)


def resource(id: str = "a", of: Kind | None = None, **fields: Any) -> Resource:
    """A resource of a kind; without further fields it states nothing."""
    chosen = of or kind()
    return Resource(
        chosen,
        id,
        fields.pop("name", f"{chosen.name}s/{id}"),
        fields.pop("body", {}),
        fields.pop("initial", {}),
        fields.pop("after", ()),
    )
