"""Puts values in place of the placeholders of a body, at the moment when it is sent.

Values of secrets are read only here; they are handed to the call and to nothing else.
"""

import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.registry import Registry
from leitstand.cloud.resources import Resources
from leitstand.cloud.secrets import Secrets
from leitstand.core.errors import LeitstandError, RunFailed
from leitstand.core.kind_table import KINDS
from leitstand.core.kinds import Kind
from leitstand.core.names import short_name
from leitstand.core.nested import texts, value_at
from leitstand.core.references import Reference, Source, resolve

__all__ = ["Placeholders", "Resolved", "ValueMissing"]

_HIDDEN = "(nicht gezeigt)"


class ValueMissing(RunFailed):
    """A placeholder's value cannot be had.

    Attributes:
        placeholder: It, as it stands in the body.
    """

    def __init__(self, placeholder: str, why: str) -> None:
        super().__init__(
            f"Der Wert von „{placeholder}“ fehlt: {why}.",
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort.",
        )
        self.placeholder = placeholder


@dataclass(frozen=True, repr=False)
class Resolved:
    """A body as it is sent.

    Attributes:
        body: Without placeholders; may hold values of secrets.
        confidential: Those values; they must not be shown.
    """

    body: Mapping[str, Any]
    confidential: frozenset[str]

    def hidden(self, error: LeitstandError) -> LeitstandError:
        """Return an error without the values of secrets that an API may have echoed in it."""
        if not any(value in str(error) for value in self._forms()):
            return error
        return RunFailed(self._without(error.message), self._without(error.advice))

    def _without(self, text: str) -> str:
        for value in self._forms():
            text = text.replace(value, _HIDDEN)
        return text

    def _forms(self) -> list[str]:
        encoded = {b64encode(value.encode()).decode() for value in self.confidential}
        return sorted(self.confidential | encoded, key=len, reverse=True)


class Placeholders:
    """Resolves placeholders; reads the world and changes nothing.

    Args:
        connection: Where to read.
        names: Full names of all wanted resources by key.
    """

    def __init__(self, connection: Connection, names: Mapping[str, str]) -> None:
        self._connection = connection
        self._resources = Resources(connection)
        self._names = names

    def outputs(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a body with names and outputs of other resources in place; read-only.

        What is known only at a creation stays.
        """
        read = lru_cache(maxsize=None)(self._body)

        def lookup(reference: Reference) -> Any:
            if reference.source is Source.OUTPUT:
                return value_at(read(reference.key, reference.text), reference.field)
            named = reference.source in (Source.NAME, Source.ID)
            return self._name(reference) if named else None

        resolved: Mapping[str, Any] = resolve(body, lookup)
        return resolved

    def resolved(self, body: Mapping[str, Any]) -> Resolved:
        """Return a body with all values in place.

        Raises:
            ValueMissing: a value cannot be had.
            CloudRefused: an API refused to tell it.
        """
        confidential: set[str] = set()
        sources = self._sources()

        def lookup(reference: Reference) -> Any:
            value = sources[reference.source](reference)
            if value is None or value == "":
                raise ValueMissing(reference.text, "Die Ressource zeigt ihn nicht")
            if reference.confidential:
                self._connection.learn(str(value))
                confidential.add(str(value))
            return value

        result = resolve(body, lookup)
        # A text that a value was written into gives it away as well, above all in base64.
        holding = {text for text in texts(result) if any(value in text for value in confidential)}
        return Resolved(result, frozenset(confidential | holding))

    def _sources(self) -> Mapping[Source, Callable[[Reference], Any]]:
        read = lru_cache(maxsize=None)(self._body)
        return {
            Source.NAME: self._name,
            Source.ID: self._name,
            Source.OUTPUT: lambda r: value_at(read(r.key, r.text), r.field),
            Source.SECRET: self._secret,
            Source.AUTH: lambda r: self._resources.auth_string(_kind(r.key), self._name(r)),
            Source.GENERATED: lambda r: secrets.token_urlsafe(r.amount),
            Source.NOW: _time,
            Source.IMAGE: self._image,
            Source.OPERATOR: _by_operator,
        }

    def _name(self, reference: Reference) -> str:
        full = self._named(reference.key, reference.text)
        return short_name(full) if reference.source is Source.ID else full

    def _named(self, key: str, text: str) -> str:
        try:
            return self._names[key]
        except KeyError:
            raise ValueMissing(text, f"Die Umgebung hat kein {key}") from None

    def _body(self, key: str, text: str) -> Mapping[str, Any]:
        found = self._resources.read(_kind(key), self._named(key, text), {})
        if found is None:
            raise ValueMissing(text, f"{key} gibt es nicht")
        return found

    def _secret(self, reference: Reference) -> str:
        name, version = self._name(reference).split("/versions/")
        return Secrets(self._connection).value(name, version)

    def _image(self, reference: Reference) -> str:
        repository = self._connection.environment.artifact_registry.repository
        image = Registry(self._connection).image(reference.image.removeprefix(f"{repository}/"))
        if not image.digest:
            raise ValueMissing(reference.text, "Das Image gibt es nicht")
        if not reference.label:
            return image.by_digest
        annotations = image.schema.as_annotations() if image.schema else {}
        return annotations.get(reference.label, "")


def _kind(key: str) -> Kind:
    return KINDS[key.partition("/")[0]]


def _time(reference: Reference) -> str:
    at = datetime.now(UTC) + timedelta(seconds=reference.amount)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _by_operator(reference: Reference) -> str:
    raise ValueMissing(reference.text, "Ihn kann nur eine Person bringen")
