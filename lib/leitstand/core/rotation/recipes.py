"""How the value of a secret comes about, read from the environment file.

A new value is made as the first one was (``initial`` in the environment file).
A secret that is put together from another one's value is rotated together with it, whichever of
the two was asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.core.environment import Environment
from leitstand.core.errors import InputError
from leitstand.core.references import Reference, Source, find
from leitstand.core.rotation.types import pins_of
from leitstand.core.wanted import wanted

__all__ = ["Recipe", "UnknownSecret", "known_secrets", "pinned_in_file", "recipe_for"]

_VERSIONS = "secretmanager.versions"


class UnknownSecret(InputError):
    """The environment file has no such secret."""

    def __init__(self, secret: str, known: list[str]) -> None:
        super().__init__(
            f"Das Secret „{secret}“ steht nicht in der Umgebungsdatei.",
            f"Wählen Sie eines von: {', '.join(known)}.",
        )
        self.secret = secret


@dataclass(frozen=True)
class Recipe:
    """How a secret gets a new value.

    Attributes:
        asked: The secret that was asked for.
        root: The secret that gets a value of its own; often the same.
        value: Text of its value with ``${…}``; never a value itself.
        composed: Text by secret, for those whose value holds the root's.
        user: ``INSTANCE/ROLE`` whose password the root is; empty otherwise.
    """

    asked: str
    root: str
    value: str
    composed: Mapping[str, str]
    user: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """All secrets that get a new version, the root first."""
        return (self.root, *self.composed)

    @property
    def read(self) -> tuple[str, ...]:
        """Those that services read: the composed ones where there are any, else the root."""
        return tuple(self.composed) or (self.root,)

    @property
    def generated(self) -> bool:
        """Whether Leitstand can make the value."""
        sources = {reference.source for reference in find(self.value)}
        return bool(sources) and Source.OPERATOR not in sources

    @property
    def follows_auth(self) -> bool:
        """Whether it holds the AUTH string of a Redis instance."""
        return any(reference.source is Source.AUTH for reference in find(self.value))


def known_secrets(resources: Mapping[str, Any]) -> list[str]:
    """Return the short names of the secrets that an environment file wants, by name."""
    listed = resources.get("secretmanager.secrets") or {}
    return sorted(name for name, body in listed.items() if body is not None)


def recipe_for(secret: str, resources: Mapping[str, Any], initial: Mapping[str, Any]) -> Recipe:
    """Return how a secret gets a new value.

    Args:
        secret: Short name.
        resources: The section of the environment file.
        initial: The section of the environment file.

    Raises:
        UnknownSecret: the environment file has no such secret.
    """
    known = known_secrets(resources)
    if secret not in known:
        raise UnknownSecret(secret, known)
    texts = {name: _text(initial, name) for name in known}
    held = [_secret(r) for r in find(texts[secret]) if r.source is Source.SECRET]
    root = next((name for name in held if name in known), secret)
    composed = {
        name: text
        for name, text in texts.items()
        if any(_secret(r) == root for r in find(text) if r.source is Source.SECRET)
    }
    users = {
        user: body for user, body in (initial.get("sql.users") or {}).items()
        if (resources.get("sql.users") or {}).get(user) is not None
    }  # fmt: skip
    user = next((name for name, body in users.items() if _holds(body, root)), "")
    return Recipe(secret, root, texts[root], composed, user)


def pinned_in_file(environment: Environment, secret: str) -> dict[str, frozenset[str]]:
    """Return which versions of a secret the environment file pins, by the place that does."""
    found: dict[str, frozenset[str]] = {}
    for entry in wanted(environment):
        section = {"run.services": "services", "run.jobs": "jobs"}.get(entry.kind)
        if section is None:
            continue
        template = entry.body["template"]
        pins = pins_of(template.get("template", template))
        if secret in pins:
            found[f"{section}.{entry.id}"] = pins[secret]
    return found


def _text(initial: Mapping[str, Any], secret: str) -> str:
    """Return the text of the first version that the file gives a secret."""
    listed = initial.get(_VERSIONS) or {}
    bodies = [body for key, body in sorted(listed.items()) if key.startswith(f"{secret}/") and body]
    return str(bodies[0].get("payload", {}).get("data", "")) if bodies else ""


def _secret(reference: Reference) -> str:
    return reference.key.removeprefix(f"{_VERSIONS}/").partition("/")[0]


def _holds(body: Mapping[str, Any] | None, root: str) -> bool:
    found = find(str((body or {}).get("password", "")))
    return any(r.source is Source.SECRET and _secret(r) == root for r in found)
