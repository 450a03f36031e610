"""Pub/Sub topics, as far as Secret Manager's rotation needs them: `pubsub.projects.topics`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from leitstand.sandbox.errors import invalid
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom

if TYPE_CHECKING:
    from leitstand.sandbox.rest.park import Park

__all__ = ["Topics"]

# https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")
CHANGEABLE = ("labels", "messageRetentionDuration", "messageStoragePolicy", "kmsKeyName")


class Topics(Collection):
    """Topics; what is published is accepted and goes nowhere, for there are no subscriptions."""

    api: ClassVar[str] = "pubsub"
    path: ClassVar[str] = "projects.topics"
    full_name: ClassVar[str] = "projects/{project}/topics/{topic}"

    def __init__(self, park: Park) -> None:
        super().__init__(park)
        self._numbers = itertools.count(1)

    def identify(self, call: Call, resource: Body) -> str:
        """A topic is created by PUT under its name."""
        return call.name

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """The rules for names."""
        if before is None and not ID.fullmatch(name.rpartition("/")[2]):
            raise invalid(
                f"Invalid [topics] name: (name={name}). Refer to "
                "https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more "
                "information.",
                "name",
            )

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """The name, and that it works."""
        body["name"] = name
        body["state"] = "ACTIVE"

    def custom(self) -> Mapping[str, Custom]:
        """IAM, patch (whose body differs from the create's) and publish."""
        methods = self.park.policies.methods(self._named)
        return {**methods, "patch": self._patch, "publish": self._publish}

    async def _patch(self, call: Call) -> Body:
        before = self.existing(call.name)
        mask = [field for field in call.body.get("updateMask", "").split(",") if field]
        if not mask or set(mask) - set(CHANGEABLE):
            raise invalid("The update_mask must name fields that can be changed.", "update_mask")
        body = {key: value for key, value in before.items() if key not in mask}
        topic = call.body.get("topic", {})
        body |= {key: topic[key] for key in mask if key in topic}
        self.table[call.name] = body
        return dict(body)

    async def _publish(self, call: Call) -> Body:
        self.existing(call.name)
        messages = call.body.get("messages", ())
        if not messages:
            raise invalid("The value for message_count is too small.", "messages")
        return {"messageIds": [str(next(self._numbers)) for _ in messages]}

    def _named(self, call: Call) -> str:
        self.existing(call.name)
        return call.name
