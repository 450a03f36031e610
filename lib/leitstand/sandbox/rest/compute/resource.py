"""What every kind of the Compute Engine API has in common."""

from __future__ import annotations

import copy
import re
import secrets
from datetime import UTC, datetime
from typing import ClassVar

from leitstand.sandbox.rest import wording
from leitstand.sandbox.rest.changes import fingerprint
from leitstand.sandbox.rest.collection import Body, Collection
from leitstand.sandbox.rest.compute import references
from leitstand.sandbox.rest.compute.refusals import in_use, invalid_value, required

__all__ = ["Resource", "region_of"]

# RFC 1035, section 2.3.1, as the API has it.
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


class Resource(Collection):
    """A kind of the Compute Engine API: its name, its references, its outputs.

    Attributes:
        kind: What its `kind` says, such as "compute#network".
        bound: References that a change must leave as they are, in whatever form it names them.
    """

    api = "compute"
    operations = "compute"
    kind: ClassVar[str]
    bound: ClassVar[tuple[str, ...]] = ()

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Its name is a label of RFC 1035, everything it names exists and stays what it was."""
        if not body.get("name"):
            raise required("name")
        if not _NAME.fullmatch(body["name"]):
            rule = "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'"
            raise invalid_value("name", body["name"], rule)
        references.check(self.park, self.path, name, body)
        for field in self.bound if before else ():
            forms = (str(body.get(field, "")), str((before or {}).get(field, "")))
            one, other = (references.full_name(self.park, name, form) for form in forms)
            if one != other:
                raise wording.fixed(self, field)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """References become selfLinks; the outputs of every resource are filled in."""
        references.link(self.park, self.path, name, body)
        body["kind"] = self.kind
        body["selfLink"] = self.park.link(name)
        body["id"] = before["id"] if before else str(secrets.randbits(61) + 2**61)
        made = datetime.now(UTC).isoformat(timespec="milliseconds")
        body["creationTimestamp"] = before["creationTimestamp"] if before else made
        if region := region_of(name):
            body["region"] = self.park.link(f"projects/{name.split('/')[1]}/regions/{region}")

    async def remove(self, name: str, body: Body) -> None:
        """Refused while another resource names it."""
        for user in references.users(self.park, self.path, name):
            raise in_use(references.NOUNS[self.path], name, user)

    async def change(self, name: str, changes: Body) -> Body:
        """Change fields of a stored resource as a PATCH would; for methods of their own."""
        before = self.existing(name)
        body = copy.deepcopy({**before, **changes})
        # Such a method may change what a PATCH may not.
        self.check(name, body, {**before, **changes})
        self.complete(name, body, before)
        if self.versioned:
            body[self.versioned] = fingerprint()
        await self.settle(name, body, before)
        self.table[name] = body
        return {}


def region_of(name: str) -> str:
    """The region in the full name of a regional resource, or ""."""
    parts = name.split("/")
    return parts[3] if parts[2] == "regions" else ""
