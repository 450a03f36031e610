"""What every part of an environment file has in common."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """A part of an environment file; unknown keys are refused, values are frozen.

    What checks it is built when a file is first read, once for all parts together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
