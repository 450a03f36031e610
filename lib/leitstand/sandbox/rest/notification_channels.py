"""Where alerts are sent, `monitoring.projects.notificationChannels`; nothing is really sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from leitstand.sandbox.errors import failed_precondition, invalid
from leitstand.sandbox.rest.collection import Body, Call, Collection
from leitstand.sandbox.rest.times import timestamp

__all__ = ["NotificationChannels"]

# The labels that a type needs: https://cloud.google.com/monitoring/alerts/using-channels-api
TYPES: Mapping[str, str] = {
    "email": "email_address",
    "pubsub": "topic",
    "webhook_tokenauth": "url",
    "slack": "channel_name",
    "pagerduty": "service_key",
    "sms": "number",
}


class NotificationChannels(Collection):
    """Channels; Monitoring gives them names of its own."""

    api: ClassVar[str] = "monitoring"
    path: ClassVar[str] = "projects.notificationChannels"
    full_name: ClassVar[str] = "projects/{project}/notificationChannels/{channel}"

    def identify(self, call: Call, resource: Body) -> str:
        """A number that nothing else has."""
        taken = self.park.notes("monitoring", "numbers")
        number = int(taken.get("channel", {}).get("value", 11_000_000_000_000_000_000)) + 1
        taken["channel"] = {"value": str(number)}
        return f"{call.name}/notificationChannels/{number}"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """A known type with the label that it needs."""
        label = TYPES.get(body.get("type", ""))
        if label is None:
            raise invalid(f"'{body.get('type', '')}' is no type of channel.", "type")
        if not body.get("labels", {}).get(label):
            raise invalid(f"A channel of this type needs the label {label}.", "labels")
        if before is not None and body["type"] != before["type"]:
            raise invalid("The type of a channel cannot be changed.", "type")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Outputs."""
        body["name"] = name
        body.setdefault("enabled", True)
        now: Body = {"mutateTime": timestamp(), "mutatedBy": "sandbox"}
        body["creationRecord"] = before["creationRecord"] if before else now

    async def remove(self, name: str, body: Body) -> None:
        """Refuse to delete one that a policy uses, as Google does without `force`."""
        for policy in self.park.table("monitoring", "projects.alertPolicies").values():
            if name in policy.get("notificationChannels", ()):
                raise failed_precondition(f"The channel is used by {policy['name']}.")
