"""What runs when: the entries of ``config/schedules.yaml`` as typed values."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from leitstand.core.section import Section

__all__ = ["Schedule", "Schedules", "Value"]

Value = StrictBool | StrictInt | StrictFloat | StrictStr | list[StrictStr] | list[StrictInt]
"""What a parameter of a runbook can be in YAML."""
Seconds = Annotated[str, Field(pattern=r"^[1-9]\d*s$")]


class Schedule(Section):
    """One runbook that runs by schedule.

    Attributes:
        name: Of the schedule; its jobs are called ``schedule-NAME``.
        runbook: Name of the runbook.
        cron: When, as a unix cron expression in the file's time zone.
        environments: Where it runs, each with parameters that hold only there.
        parameters: Of the runbook, in all environments.
        deadline: How long one run may take, e.g. ``3600s``.
        tolerance: How long after its time a run counts as overdue, e.g. ``3600s``.
        tasks: Into how many tasks a run is divided.
    """

    name: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
    runbook: str
    cron: str
    environments: Annotated[dict[str, dict[str, Value]], Field(min_length=1)]
    parameters: dict[str, Value] = Field(default_factory=dict)
    deadline: Seconds
    tolerance: Seconds
    tasks: Annotated[int, Field(ge=1, le=100)] = 1

    @property
    def tolerance_seconds(self) -> float:
        """The tolerance in seconds."""
        return float(self.tolerance.removesuffix("s"))

    @property
    def deadline_seconds(self) -> float:
        """The deadline in seconds."""
        return float(self.deadline.removesuffix("s"))

    @property
    def job(self) -> str:
        """Id of its Cloud Run job and of its Cloud Scheduler job."""
        return f"schedule-{self.name}"


class Schedules(Section):
    """The whole file.

    Attributes:
        time_zone: IANA name of the zone in which all cron expressions are read.
        schedules: The entries.
    """

    time_zone: str
    schedules: list[Schedule]
