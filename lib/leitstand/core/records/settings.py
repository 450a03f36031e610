"""What an environment file says about records."""

import re
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from leitstand.core.section import Section

if TYPE_CHECKING:
    from leitstand.core.environment import Environment

__all__ = ["RecordStore", "records_in"]

_PLACEHOLDER = re.compile(r"\$\{(project|name)\}")


class RecordStore(Section):
    """Where the records of an environment's runs go, and whose signatures count there.

    In addresses ``${project}`` and ``${name}`` stand for the environment's own; `records_in`
    fills them in.

    Attributes:
        store: A directory, or ``gs://bucket/prefix``; empty is ``records`` in the state directory
            of whoever runs.
        anchors: Where the chain's head is kept besides: ``gs://bucket/prefix``, ``git:`` or
            ``git:REMOTE``.
        trusted_keys: Public keys whose signatures count; empty is the key of whoever verifies.
        open: Where the journals of runs that are not over lie, so that another machine can go on
            with them: a directory by its absolute path, or ``gs://bucket/prefix``; empty is
            nowhere. They are deleted in the end, so it is no place with a retention policy.
    """

    store: str = ""
    anchors: list[str] = Field(default_factory=list)
    trusted_keys: list[str] = Field(default_factory=list)
    open: str = ""

    @field_validator("store", "open")
    @classmethod
    def _store_names_only_what_is_known(cls, store: str) -> str:
        return _known(store)

    @field_validator("anchors")
    @classmethod
    def _anchors_name_only_what_is_known(cls, anchors: list[str]) -> list[str]:
        return [_known(anchor) for anchor in anchors]

    @property
    def in_bucket(self) -> bool:
        """Whether records go into a bucket, or what is open."""
        return self.store.startswith("gs:") or self.open.startswith("gs:")


def records_in(environment: "Environment") -> RecordStore:
    """Return what an environment says about records, with its project and name filled in."""
    values = {"project": environment.project, "name": environment.name}

    def filled(address: str) -> str:
        return _PLACEHOLDER.sub(lambda found: values[found[1]], address)

    said = environment.records
    anchors = [filled(anchor) for anchor in said.anchors]
    places = {"store": filled(said.store), "open": filled(said.open)}
    return said.model_copy(update={**places, "anchors": anchors})


def _known(address: str) -> str:
    if "${" in _PLACEHOLDER.sub("", address):
        raise ValueError(f"{address!r} names something else than ${{project}} or ${{name}}")
    return address
