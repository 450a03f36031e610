"""Alert policies, `monitoring.projects.alertPolicies`, and the alerts that they raised."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Mapping
from time import time as now
from typing import TYPE_CHECKING, Any, ClassVar

from leitstand.sandbox.errors import ApiError, invalid, unimplemented
from leitstand.sandbox.filters import parse
from leitstand.sandbox.paging import page
from leitstand.sandbox.rest.alert_conditions import Violation, read_condition
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.listing import matching
from leitstand.sandbox.rest.times import timestamp

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["AlertPolicies", "AlertWatch", "Alerts", "evaluate"]

API = "monitoring"
LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
COMBINERS = ("AND", "OR")
MIME_TYPES = ("text/markdown", "")
LONGEST_DOCUMENTATION = 8192
MOST_CONDITIONS, MOST_CHANNELS, MOST_LABELS = 6, 16, 64
KEPT_ALERTS = 200
# A point is visible once its sample period, a second, has passed.
SETTLED = 1.1


class AlertPolicies(Collection):
    """Alert policies; Monitoring gives them and their conditions names of its own."""

    api: ClassVar[str] = API
    path: ClassVar[str] = "projects.alertPolicies"
    full_name: ClassVar[str] = "projects/{project}/alertPolicies/{policy}"

    def identify(self, call: Call, resource: Body) -> str:
        """A number that nothing else has."""
        if resource.get("name"):
            raise invalid("The name must be empty when a policy is created.", "alert_policy.name")
        taken = self.park.notes(API, "numbers")
        number = int(taken.get("last", {}).get("value", 10_000_000_000_000_000_000)) + 1
        taken["last"] = {"value": str(number)}
        return f"{call.name}/alertPolicies/{number}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Refuse what Google refuses; every condition is on a metric that there is."""
        if not body.get("displayName"):
            raise invalid("A policy needs a display name.", "alert_policy.display_name")
        conditions = body.get("conditions", [])
        if not 1 <= len(conditions) <= MOST_CONDITIONS:
            raise invalid(
                f"A policy has 1 to {MOST_CONDITIONS} conditions.", "alert_policy.conditions"
            )
        if body.get("combiner") == "AND_WITH_MATCHING_RESOURCE":
            raise unimplemented("the combiner AND_WITH_MATCHING_RESOURCE")
        if body.get("combiner") not in COMBINERS:
            raise invalid("A policy needs a combiner.", "alert_policy.combiner")
        documentation = body.get("documentation", {})
        if len(documentation.get("content", "").encode()) > LONGEST_DOCUMENTATION:
            raise invalid(
                f"The documentation is longer than {LONGEST_DOCUMENTATION} bytes.",
                "alert_policy.documentation.content",
            )
        if documentation.get("mimeType", "") not in MIME_TYPES:
            raise invalid(
                "The documentation must be text/markdown.", "alert_policy.documentation.mime_type"
            )
        _check_labels(body.get("userLabels", {}))
        channels = body.get("notificationChannels", [])
        known = self.park.table(API, "projects.notificationChannels")
        for channel in channels:
            if self.park.full_name(channel) not in known:
                raise invalid(
                    f"There is no notification channel {channel}.",
                    "alert_policy.notification_channels",
                )
        if len(channels) > MOST_CHANNELS:
            raise invalid(
                f"A policy has at most {MOST_CHANNELS} channels.",
                "alert_policy.notification_channels",
            )
        for at, condition in enumerate(conditions):
            read_condition(self.park.monitoring, name.split("/")[1], condition, f"conditions[{at}]")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Names of the policy and its conditions, and who changed it."""
        body["name"] = name
        body.setdefault("enabled", True)
        for at, condition in enumerate(body["conditions"]):
            text = f"{name}{at}{condition['displayName']}"
            condition.setdefault("name", f"{name}/conditions/{zlib.crc32(text.encode())}")
        now: Body = {"mutateTime": timestamp(), "mutatedBy": "sandbox"}
        body["mutationRecord"] = now
        body["creationRecord"] = before["creationRecord"] if before else dict(now)

    async def remove(self, name: str, body: Body) -> None:
        """Its open alerts are closed."""
        del self.table[name]
        evaluate(self.park)


class Alerts(Collection):
    """Alerts, open and closed; read-only. Reading evaluates the policies."""

    api: ClassVar[str] = API
    path: ClassVar[str] = "projects.alerts"
    full_name: ClassVar[str] = "projects/{project}/alerts/{alert}"

    def custom(self) -> Mapping[str, Custom]:
        """get and list, both after an evaluation."""
        return {"get": self._get, "list": self._list}

    async def _get(self, call: Call) -> Body:
        evaluate(self.park)
        return dict(self.existing(call.name))

    async def _list(self, call: Call) -> Body:
        evaluate(self.park)
        found = {
            name: body for name, body in self.table.items() if name.startswith(f"{call.name}/")
        }
        if text := call.params.get("filter"):
            fits = matching(text)
            found = {name: body for name, body in found.items() if fits(body)}
        size, given = int(call.params.get("pageSize", 0)), call.params.get("pageToken", "")
        # The newest first: names count upwards.
        names = sorted(found, reverse=True)
        shown, token = page(names, lambda name: (-_number(name),), size, given)
        answer: Body = {"alerts": [dict(found[name]) for name in shown], "totalSize": len(found)}
        return {**answer, "nextPageToken": token} if token else answer


class AlertWatch:
    """Listens to log entries (`Logs.listen`), and evaluates the policies soon after they come.

    Without it, an alert that opens and closes between two readings would never be seen.
    """

    def __init__(self, park: Park) -> None:
        self._park = park
        self._due: asyncio.TimerHandle | None = None

    def __call__(self, entry: Mapping[str, Any]) -> None:
        """Have an evaluation follow within two seconds, unless one is due or there is no policy."""
        if self._due is None and self._park.table(API, "projects.alertPolicies"):
            self._due = asyncio.get_running_loop().call_later(SETTLED, self._evaluate)

    def _evaluate(self) -> None:
        self._due = None
        evaluate(self._park)


def evaluate(park: Park) -> None:
    """Open an alert for each series on which an enabled policy holds, and close what is over.

    One alert for each policy and series; a policy with the combiner `AND` needs all its conditions.
    Changes the table of alerts. The policies' conditions were checked when they were stored.
    """
    at = int(now() * 1_000_000)
    alerts = park.table(API, "projects.alerts")
    known = park.notes(API, "open")
    over = set(known)
    for policy in park.table(API, "projects.alertPolicies").values():
        for key, (condition, violation) in _holding(park, policy, at).items():
            over.discard(key)
            if key not in known:
                known[key] = {"alert": _open(park, policy, condition, violation)}
    for key in over:
        name = known.pop(key)["alert"]
        if name in alerts:
            alerts[name] = {**alerts[name], "state": "CLOSED", "closeTime": timestamp()}
    for name in sorted(alerts)[: max(0, len(alerts) - KEPT_ALERTS)]:
        del alerts[name]


def _holding(park: Park, policy: Body, at: int) -> dict[str, tuple[Body, Violation]]:
    """What a policy alerts of now, by a key that stays the same while it lasts."""
    if not policy.get("enabled", True):
        return {}
    project = policy["name"].split("/")[1]
    found: dict[str, tuple[Body, Violation]] = {}
    for number, body in enumerate(policy["conditions"]):
        try:
            condition = read_condition(park.monitoring, project, body, f"conditions[{number}]")
        except ApiError:
            continue  # its metric was deleted meanwhile
        holding = condition.violations(park.monitoring, project, at)
        if not holding and policy["combiner"] != "OR":
            return {}
        for one in holding:
            labels = sorted({**one.series.metric, **one.series.resource}.items())
            found[f"{policy['name']}/{number}/{labels}"] = (body, one)
    return found


def _open(park: Park, policy: Body, condition: Body, violation: Violation) -> str:
    """Open an alert; return its name."""
    numbers = park.notes(API, "numbers")
    number = int(numbers.get("alert", {}).get("value", 0)) + 1
    numbers["alert"] = {"value": number}
    name = f"projects/{policy['name'].split('/')[1]}/alerts/0.{number:08d}"
    stated = condition.get("conditionThreshold") or condition["conditionAbsent"]
    metric = parse(stated["filter"], "monitoring").equalities["metric.type"]
    series = violation.series
    park.table(API, "projects.alerts")[name] = {
        "name": name,
        "state": "OPEN",
        "openTime": timestamp(),
        "resource": {"type": series.resource_type, "labels": dict(series.resource)},
        "metric": {"type": metric, "labels": dict(series.metric)},
        "policy": {
            "name": policy["name"],
            "displayName": policy["displayName"],
            "userLabels": policy.get("userLabels", {}),
            "severity": policy.get("severity", "SEVERITY_UNSPECIFIED"),
        },
    }
    return name


def _number(name: str) -> int:
    return int(name.rpartition(".")[2])


def _check_labels(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        if not LABEL.fullmatch(key) or not LABEL_VALUE.fullmatch(value):
            raise invalid(f"The label {key}={value} is not valid.", "alert_policy.user_labels")
    if len(labels) > MOST_LABELS:
        raise invalid(f"A policy has at most {MOST_LABELS} labels.", "alert_policy.user_labels")
