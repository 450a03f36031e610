"""What a scheduled run leaves in Cloud Logging when it ends: one structured line.

The Cloud Run job of a schedule names it in ``LEITSTAND_SCHEDULE``; without that nothing is
written. Cloud Logging reads a line of JSON as a payload and takes ``severity`` and ``message`` out
of it, https://cloud.google.com/run/docs/logging#writing_structured_logs.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import TextIO

from leitstand.core.schedule.verdict import Ending, ending_of

__all__ = ["SCHEDULE_VARIABLE", "report_end"]

SCHEDULE_VARIABLE = "LEITSTAND_SCHEDULE"
"""Names the schedule that started this process."""

_SEVERITIES: Mapping[Ending, str] = {
    Ending.SUCCESS: "INFO",
    Ending.FINDING: "WARNING",
    Ending.FAILURE: "ERROR",
}
_TEXTS: Mapping[Ending, str] = {
    Ending.SUCCESS: "Der Zeitplan {schedule} ist gelaufen.",
    Ending.FINDING: "Der Zeitplan {schedule} hat etwas gefunden: {message}",
    Ending.FAILURE: "Der Zeitplan {schedule} ist gescheitert: {message}",
}


def report_end(
    runbook: str,
    run: str,
    exit_code: int,
    message: str,
    *,
    variables: Mapping[str, str] = os.environ,
    stream: TextIO | None = None,
) -> None:
    """Write how a scheduled run ended, as one line on standard error.

    Args:
        runbook: Name of the runbook.
        run: Id of the run; empty where there was none, since it was refused before.
        exit_code: Of the run.
        message: What was wrong, one German sentence; empty at success.
        variables: Of this process.
        stream: Where the line goes instead.
    """
    schedule = variables.get(SCHEDULE_VARIABLE, "")
    if not schedule:
        return
    ending = ending_of(exit_code)
    line = {
        "severity": _SEVERITIES[ending],
        "message": _TEXTS[ending].format(schedule=schedule, message=message).strip(),
        "leitstand": {
            "schedule": schedule,
            "runbook": runbook,
            "run": run,
            "verdict": str(ending),
            "exit_code": int(exit_code),
            "task": variables.get("CLOUD_RUN_TASK_INDEX", "0"),
        },
    }
    out = stream or sys.stderr
    # In one piece, and on a line of its own: the run's progress goes to another stream.
    out.write("\n" + json.dumps(line, ensure_ascii=False) + "\n")
    out.flush()
