"""What an environment file says about rehearsals, and about images that stand in for others."""

from typing import Annotated

from pydantic import Field

from leitstand.core.section import Section

__all__ = ["RehearsalSettings", "StandIn"]


class RehearsalSettings(Section):
    """How long a rehearsal counts.

    Attributes:
        valid_for: Seconds for which a run is compared with the prediction of its rehearsal.
    """

    valid_for: Annotated[float, Field(gt=0)] = 86400


class StandIn(Section):
    """An image of another environment, in whose place the sandbox runs one of its own.

    Attributes:
        image: Name and tag.
        digest: Its digest, which the sandbox's image is given.
        signed: Whether a signature lies beside it.
    """

    image: Annotated[str, Field(pattern=r"^[a-z0-9-]+:[\w.-]+$")]
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    signed: bool
