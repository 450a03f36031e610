"""What an environment file says about locks."""

import re
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, field_validator, model_validator

from leitstand.core.section import Section

if TYPE_CHECKING:
    from leitstand.core.environment import Environment

__all__ = ["LockSettings", "locks_in"]

_PLACEHOLDER = re.compile(r"\$\{(project|name)\}")

Seconds = Annotated[float, Field(gt=0)]


class LockSettings(Section):
    """Where the locks of an environment lie, and how soon a dead holder loses them.

    In the address ``${project}`` and ``${name}`` stand for the environment's own; `locks_in`
    fills them in.

    Attributes:
        store: A directory by its absolute path, or ``gs://bucket/prefix``; empty is ``locks`` in
            the state directory of whoever runs.
        expires: Seconds without a sign of life after which others may have a lock.
        heartbeat: Seconds between two signs of life.
    """

    store: str = ""
    expires: Seconds = 60
    heartbeat: Seconds = 15

    @field_validator("store")
    @classmethod
    def _store_names_only_what_is_known(cls, store: str) -> str:
        if "${" in _PLACEHOLDER.sub("", store):
            raise ValueError(f"{store!r} names something else than ${{project}} or ${{name}}")
        return store

    @model_validator(mode="after")
    def _a_lost_sign_of_life_costs_no_lock(self) -> Self:
        if self.expires < 3 * self.heartbeat:
            raise ValueError("expires is shorter than three times heartbeat")
        return self

    @property
    def in_bucket(self) -> bool:
        """Whether the locks lie in a bucket."""
        return self.store.startswith("gs:")


def locks_in(environment: "Environment") -> LockSettings:
    """Return what an environment says about locks, with its project and name filled in."""
    values = {"project": environment.project, "name": environment.name}
    said = environment.locks
    store = _PLACEHOLDER.sub(lambda found: values[found[1]], said.store)
    return said.model_copy(update={"store": store})
