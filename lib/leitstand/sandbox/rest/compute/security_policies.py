"""compute.securityPolicies: Cloud Armor."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from leitstand.sandbox.errors import not_found, unimplemented
from leitstand.sandbox.rest.changes import fingerprint
from leitstand.sandbox.rest.collection import Body, Call, Custom
from leitstand.sandbox.rest.compute import chain
from leitstand.sandbox.rest.compute.refusals import invalid_value, required
from leitstand.sandbox.rest.compute.resource import Resource

__all__ = ["SecurityPolicies"]

_DEFAULT_PRIORITY = 2147483647
_ACTION = re.compile(r"allow|deny\((403|404|429|502)\)|throttle|rate_based_ban|redirect")
_LIMITED = ("throttle", "rate_based_ban")
_MOST_RANGES = 10


class SecurityPolicies(Resource):
    """Security policies for backend services; rules by the client's address are honoured."""

    path = "securityPolicies"
    full_name = "projects/{project}/global/securityPolicies/{securityPolicy}"
    kind = "compute#securityPolicy"
    immutable = ("name", "type")
    versioned = "fingerprint"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Every rule is valid, their priorities differ, and the default rule is there.

        A PATCH leaves them alone: they have methods of their own.
        """
        super().check(name, body, before)
        if body.get("type", "CLOUD_ARMOR") != "CLOUD_ARMOR":
            raise unimplemented(f"security policies of the type {body['type']}")
        rules = body.get("rules", ())
        if before is not None and _ordered(rules) != _ordered(before["rules"]):
            why = "Rules are changed by addRule, patchRule and removeRule."
            raise invalid_value("rules", "", why)
        seen: set[int] = set()
        for index, rule in enumerate(rules):
            _check_rule(f"rules[{index}]", rule)
            if int(rule["priority"]) in seen:
                why = "Cannot have rules with the same priorities."
                raise invalid_value(f"rules[{index}].priority", rule["priority"], why)
            seen.add(int(rule["priority"]))
        if rules and _DEFAULT_PRIORITY not in seen:
            why = f"The default rule with priority {_DEFAULT_PRIORITY} must be there."
            raise invalid_value("rules", "", why)

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """The default rule where no rule is given; rules in the order they decide in."""
        super().complete(name, body, before)
        body.setdefault("type", "CLOUD_ARMOR")
        body.setdefault("labelFingerprint", fingerprint())
        body["rules"] = _ordered(body.get("rules") or [_default_rule()])

    async def settle(self, name: str, body: Body, before: Body | None) -> None:
        """The public listener answers accordingly."""
        self.table[name] = body
        chain.refresh(self.park)

    def custom(self) -> Mapping[str, Custom]:
        """The rules, one by one."""
        return {
            "addRule": self._add,
            "getRule": self._get,
            "patchRule": self._patch,
            "removeRule": self._remove_rule,
        }

    async def _add(self, call: Call) -> Body:
        _check_rule("", call.body)
        rules = self.existing(call.name)["rules"]
        if any(_priority(rule) == _priority(call.body) for rule in rules):
            why = "Cannot have rules with the same priorities."
            raise invalid_value("priority", call.body["priority"], why)
        return await self.change(call.name, {"rules": [*rules, dict(call.body)]})

    async def _get(self, call: Call) -> Body:
        return dict(self._rule(call)[1])

    async def _patch(self, call: Call) -> Body:
        others, rule = self._rule(call)
        changed = {**rule, **call.body, "priority": rule["priority"]}
        return await self.change(call.name, {"rules": [*others, changed]})

    async def _remove_rule(self, call: Call) -> Body:
        others, rule = self._rule(call)
        if _priority(rule) == _DEFAULT_PRIORITY:
            raise invalid_value("priority", rule["priority"], "Cannot remove the default rule.")
        return await self.change(call.name, {"rules": others})

    def _rule(self, call: Call) -> tuple[list[Body], Body]:
        """All other rules, and the one that the call's priority names; raises ApiError."""
        wanted = int(call.params.get("priority", 0))
        rules: Sequence[Body] = self.existing(call.name)["rules"]
        for rule in rules:
            if _priority(rule) == wanted:
                return [other for other in rules if other is not rule], rule
        raise not_found(f"{call.name}/rules/{wanted}")


def _check_rule(where: str, rule: Body) -> None:
    """Action, priority and match of a rule; raises ApiError."""
    at = f"{where}." if where else ""
    for field in ("action", "priority", "match"):
        if field not in rule:
            raise required(f"{at}{field}")
    if not 0 <= _priority(rule) <= _DEFAULT_PRIORITY:
        why = f"Must be between 0 and {_DEFAULT_PRIORITY}."
        raise invalid_value(f"{at}priority", rule["priority"], why)
    if not _ACTION.fullmatch(rule["action"]):
        why = "Must be one of allow, deny(403), deny(404), deny(429), deny(502), throttle, "
        raise invalid_value(f"{at}action", rule["action"], f"{why}rate_based_ban, redirect.")
    if (rule["action"] in _LIMITED) != ("rateLimitOptions" in rule):
        why = "rateLimitOptions must be specified for throttle and rate_based_ban, and only there."
        raise invalid_value(f"{at}rateLimitOptions", "", why)
    match = rule["match"]
    if "versionedExpr" in match:
        _check_ranges(f"{at}match.config.srcIpRanges", match.get("config", {}))
    elif not match.get("expr", {}).get("expression"):
        raise required(f"{at}match.versionedExpr")


def _check_ranges(field: str, config: Body) -> None:
    texts = config.get("srcIpRanges")
    if not texts:
        raise required(field)
    if len(texts) > _MOST_RANGES:
        raise invalid_value(field, len(texts), f"At most {_MOST_RANGES} IP ranges are allowed.")
    for text in texts:
        if text != "*" and not _is_network(text):
            raise invalid_value(field, text, "It is not a valid IP address range.")


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _default_rule() -> Body:
    return {
        "priority": _DEFAULT_PRIORITY,
        "action": "allow",
        "description": "default rule",
        "match": {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["*"]}},
    }


def _ordered(rules: Iterable[Body]) -> list[Body]:
    """Rules as the API shows them, in the order they decide in."""
    outputs = {"kind": "compute#securityPolicyRule"}
    shown = ({"preview": False, **rule, **outputs} for rule in rules)
    return sorted(shown, key=_priority)


def _priority(rule: Body) -> int:
    return int(rule["priority"])
