"""The addresses of a sandbox's servers, and everything in its state that names one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from google.cloud import secretmanager_v1

from leitstand.sandbox.ports import Ports
from leitstand.sandbox.store import Store

__all__ = ["Addresses", "PortNamed"]

PAYLOADS = "secret_payloads"
# What containers are started from, in tables of Cloud Run.
READ_BY_CONTAINERS = ("env", "args", "command")


class PortNamed(ValueError):
    """A server needs another port, and something names the one it had in a way nobody can follow.

    Attributes:
        port: The port it had.
        places: What names it.
    """

    def __init__(self, port: int, places: list[str]) -> None:
        super().__init__(
            f"Port {port} of one of its servers is taken by another process, and it can take no "
            f"other one: {', '.join(places)} would go on to name {port}, and lead to that process. "
            "Free the port, or reset the sandbox."
        )
        self.port = port
        self.places = places


class Addresses:
    """Gives ports to servers, and moves a server whose port is taken.

    Belongs to one sandbox: give the same object to everything that starts servers of its own.

    Args:
        store: The sandbox's state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ports = Ports()

    def hold(self, port: int) -> bool:
        """Keep a port for a server of this sandbox; False where it is another's already."""
        return self._ports.hold(port)

    def release(self, port: int) -> None:
        """The server of that port is gone, or this sandbox ends."""
        self._ports.release(port)

    def draw(self) -> int:
        """A port for a new server: free, and named nowhere in the state.

        Raises:
            OSError: There is none.
        """
        texts = [json.dumps(self._store.texts()), *(text for _, text in self._secrets())]
        return self._ports.draw(lambda port: any(str(port) in text for text in texts))

    def move(self, old: int) -> int:
        """A new port for a server; whatever names the old one names the new one from now on.

        Those are addresses (`127.0.0.1:PORT`) and settings (`port=PORT`, a variable whose name
        ends in PORT) in values of secrets and in every resource. Containers that run already do
        not learn of it. The caller keeps the new port where it keeps the old one, at once.

        Raises:
            PortNamed: The old port is named in another way where a container would read it;
                nothing has changed.
            OSError: No port is free.
        """
        new = self.draw()
        change = _Change(old, new)
        texts = change.within(self._store.texts())
        places = [name for name, text in self._secrets() if change.fails(text)]
        places += change.places(texts)
        if places:
            self._ports.release(new)
            raise PortNamed(old, places)
        for name, text in self._secrets():
            if text != change.text(text):
                self._payloads[name] = secretmanager_v1.SecretPayload(
                    data=change.text(text).encode()
                )
        texts.pop(PAYLOADS, None)
        self._store.replace(texts)
        self._ports.release(old)
        return new

    @property
    def _payloads(self) -> Any:
        return self._store.table(PAYLOADS, secretmanager_v1.SecretPayload)

    def _secrets(self) -> Iterator[tuple[str, str]]:
        """Name and value of every version whose value is text."""
        if not self._store.holds(PAYLOADS):
            return
        for name, payload in self._payloads.items():
            try:
                yield name, payload.data.decode()
            except UnicodeDecodeError:
                continue


class _Change:
    """One port in place of another, in texts and in what JSON holds."""

    def __init__(self, old: int, new: int) -> None:
        self._old, self._new = str(old), str(new)
        named = r"(?:(?<![0-9.])127\.0\.0\.1|localhost|\[::1\]):|port[\"']?\s*[:=]\s*[\"']?"
        self._followed = re.compile(rf"(?i)({named}){old}(?!\d)")
        self._alone = re.compile(rf"(?<!\w){old}(?!\w)")

    def text(self, text: str) -> str:
        return self._followed.sub(rf"\g<1>{self._new}", text)

    def fails(self, text: str) -> bool:
        """Whether the old port would still be named."""
        return self._alone.search(self.text(text)) is not None

    def within(self, value: Any) -> Any:
        """A copy with every text changed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.within(one) for one in value]
        if isinstance(value, dict):
            return self._setting({key: self.within(one) for key, one in value.items()})
        return value

    def places(self, value: Any, place: str = "") -> list[str]:
        """Where containers would read the old port."""
        found = []
        if isinstance(value, dict):
            place = str(value.get("name", place)) if "/" in str(value.get("name")) else place
            for key, one in value.items():
                if key in READ_BY_CONTAINERS and self._alone.search(json.dumps(one)):
                    found.append(f"{key} of {place}")
                found += self.places(one, place)
        elif isinstance(value, list):
            for one in value:
                found += self.places(one, place)
        return found

    def _setting(self, value: dict[str, Any]) -> dict[str, Any]:
        """A container's variable whose value is the port alone."""
        if str(value.get("name", "")).upper().endswith("PORT") and value.get("value") == self._old:
            return {**value, "value": self._new}
        return value
