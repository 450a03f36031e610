"""IAM policies of any resource.

https://cloud.google.com/iam/docs/reference/rest/v1/Policy
"""

from __future__ import annotations

import base64
import copy
import re
import secrets
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from leitstand.sandbox.errors import aborted, invalid
from leitstand.sandbox.rest.collection import Body, Call, Custom
from leitstand.sandbox.store import Store

__all__ = ["TABLE", "Policies", "forget_policy"]

# The store's table of all policies.
TABLE = "policies"

# What Google answers for a resource that never had a policy.
NO_POLICY = "ACAB"
ROLE = re.compile(r"(?:(?:projects|organizations)/[^/]+/)?roles/[a-zA-Z0-9_.]{1,64}")
EMAIL = r"[^@\s:]+@[^@\s:]+\.[^@\s:.]+"
MEMBER = re.compile(
    rf"allUsers|allAuthenticatedUsers|(?:user|group|serviceAccount):{EMAIL}|domain:[^@\s]+\.[^@\s]+"
    r"|project(?:Owner|Editor|Viewer):[^\s:]+|principal(?:Set)?://\S+|serviceAccount:\S+\[\S+\]"
    r"|deleted:\S+\?uid=\d+"
)


class Policies:
    """The policies by full name of their resource; a resource without one has the empty policy.

    Args:
        table: Where they are kept.
        exists: Whether a member is there; Google refuses service accounts that are not.
    """

    def __init__(
        self,
        table: MutableMapping[str, Body],
        exists: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._table = table
        self._exists = exists

    def get(self, resource: str) -> Body:
        """A copy of the policy: `etag`, and `version` and `bindings` where it was ever set."""
        return copy.deepcopy(self._table.get(resource, {"etag": NO_POLICY}))

    def set(self, resource: str, policy: Body) -> Body:
        """Replace the policy and return the new one.

        Raises:
            ApiError: INVALID_ARGUMENT for a role or member that is none; ABORTED for a stale etag.
        """
        before = self.get(resource)
        given = policy.get("etag", "")
        if given and given != before["etag"]:
            raise aborted(
                "There were concurrent policy changes. Please retry the whole read-modify-write"
                f" with exponential backoff. The request's ETag '{given}' did not match the current"
                f" policy's ETag '{before['etag']}'."
            )
        bindings = self._bindings(policy)
        new = {
            "version": 3 if any("condition" in binding for binding in bindings) else 1,
            "etag": base64.b64encode(secrets.token_bytes(9)).decode(),
            **({"bindings": bindings} if bindings else {}),
            **({"auditConfigs": policy["auditConfigs"]} if policy.get("auditConfigs") else {}),
        }
        self._table[resource] = new
        return copy.deepcopy(new)

    def forget(self, resource: str) -> None:
        """The resource is gone, and what lies below it."""
        for name in list(self._table):
            if name == resource or name.startswith(resource + "/"):
                del self._table[name]

    def members(self, resource: str, role: str) -> frozenset[str]:
        """Who has that role on that resource, conditions left aside."""
        bindings = self._table.get(resource, {}).get("bindings", ())
        found = (binding["members"] for binding in bindings if binding["role"] == role)
        return frozenset(member for members in found for member in members)

    def methods(self, resource_of: Callable[[Call], str]) -> Mapping[str, Custom]:
        """getIamPolicy, setIamPolicy and testIamPermissions for `Collection.custom`.

        Args:
            resource_of: Full name of the resource that a call means; raises ApiError NOT_FOUND
                where there is none.
        """

        async def get(call: Call) -> Body:
            return self.get(resource_of(call))

        async def set_(call: Call) -> Body:
            return self.set(resource_of(call), call.body.get("policy", {}))

        async def test(call: Call) -> Body:
            resource_of(call)
            # Who calls the sandbox may do everything.
            asked = call.body.get("permissions", [])
            return {"permissions": asked} if asked else {}

        return {"getIamPolicy": get, "setIamPolicy": set_, "testIamPermissions": test}

    def _bindings(self, policy: Body) -> list[Body]:
        """The bindings as Google keeps them: one for each role and condition, members once."""
        merged: dict[tuple[str, str], Body] = {}
        for binding in policy.get("bindings", ()):
            role, condition = binding.get("role", ""), binding.get("condition")
            if not ROLE.fullmatch(role):
                raise invalid(f"Role {role} is not supported for this resource.", "policy.bindings")
            if condition is not None and policy.get("version") != 3:
                raise invalid("Policies with conditions must have version 3.", "policy.version")
            kept = merged.setdefault((role, str(condition)), _empty(role, condition))
            for member in binding.get("members", ()):
                self._check(member)
                if member not in kept["members"]:
                    kept["members"].append(member)
        return [binding for _, binding in sorted(merged.items()) if binding["members"]]

    def _check(self, member: str) -> None:
        if not MEMBER.fullmatch(member):
            raise invalid(
                f"The member {member} is of an unknown type."
                " Please set a valid type prefix for the member.",
                "policy.bindings",
            )
        if not self._exists(member):
            account = member.partition(":")[2]
            raise invalid(f"Service account {account} does not exist.", "policy.bindings")


def forget_policy(store: Store, resource: str) -> None:
    """A resource of the gRPC side is gone: its policy must not be there for the next of its name.

    Bindings that name it elsewhere stay, as at Google.
    """
    Policies(store.json_table(TABLE)).forget(resource)


def _empty(role: str, condition: Any) -> Body:
    return {"role": role, "members": [], **({"condition": condition} if condition else {})}
