"""What every part of an environment file has in common."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """A part of an environment file; unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)
