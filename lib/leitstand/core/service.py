"""Observations of Cloud Run: services, revisions and their traffic, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leitstand.core.schema import SchemaRange
from leitstand.core.traffic import Split

__all__ = ["RevisionState", "ServiceState", "TrafficStatus", "digest_of"]


@dataclass(frozen=True)
class TrafficStatus:
    """Where traffic really goes: revision, percent, tag, and the tag's address."""

    revision: str
    percent: int
    tag: str = ""
    uri: str = ""


@dataclass(frozen=True)
class ServiceState:
    """A service as it was read.

    Attributes:
        name: Full resource name.
        etag: Opaque version; a change made on an older one is refused by the API.
        generation: Counts the changes of the service's specification.
        settled: The service does not reconcile, and what was asked for is what is there.
        traffic: The split that was asked for.
        statuses: The split that is in force.
        latest_ready_revision: Short name.
        template: The template of the next revision, as JSON values of the API.
        scaling: The service's own scaling, as JSON values of the API.
        problem: What the API reports when the service is not ready, else empty.
    """

    name: str
    etag: str
    generation: int
    settled: bool
    traffic: Split
    statuses: tuple[TrafficStatus, ...]
    latest_ready_revision: str
    uri: str = ""
    template: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    scaling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def short_name(self) -> str:
        """The last part of the resource name."""
        return self.name.rsplit("/", 1)[-1]

    def tag_uri(self, tag: str) -> str:
        """Return the address of a tagged revision, or an empty string."""
        return next((status.uri for status in self.statuses if status.tag == tag), "")


@dataclass(frozen=True)
class RevisionState:
    """A revision as it was read.

    Attributes:
        name: Short name.
        image: Image reference of its container.
        ready: Whether it can serve; a retired revision can.
        problem: What the API reports when it is not ready, else empty.
        template: The fields that a release compares, as JSON values of the API.
    """

    name: str
    image: str
    ready: bool
    problem: str = ""
    template: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The digest in the image reference, or an empty string."""
        return digest_of(self.image)

    @property
    def schema(self) -> SchemaRange | None:
        """Schema versions that the revision's code understands, if its annotations say so."""
        return SchemaRange.from_annotations(self.template.get("annotations", {}))


def digest_of(image: str) -> str:
    """Return ``sha256:…`` out of an image reference, or an empty string."""
    return image.partition("@")[2]
