"""The AUTH strings of Memorystore instances."""

from __future__ import annotations

import uuid

from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.park import Park

__all__ = ["AuthStrings"]


class AuthStrings:
    """Kept beside the instances (state.json), never in one, and in no list of resources.

    Args:
        park: Keeps them.
    """

    def __init__(self, park: Park) -> None:
        self._notes = park.notes("redis", "authStrings")

    def get(self, instance: str) -> str:
        """The string of an instance by its full name; "" where AUTH is off."""
        return str(self._notes.get(instance, {}).get("authString", ""))

    def settle(self, instance: str, body: Body, before: Body | None) -> None:
        """Make a new string each time AUTH is switched on, as Google does; forget it when off."""
        if not body["authEnabled"]:
            self.forget(instance)
        elif before is None or not before.get("authEnabled"):
            self.put(instance, str(uuid.uuid4()))

    def put(self, instance: str, text: str) -> None:
        """Have an instance's string be `text`; "" forgets it."""
        self.forget(instance)
        if text:
            self._notes[instance] = {"authString": text}

    def forget(self, instance: str) -> None:
        """Forget the string of an instance, if it has one."""
        self._notes.pop(instance, None)
