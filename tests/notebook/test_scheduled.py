"""The line that a scheduled run leaves in Cloud Logging."""

import io
import json
from typing import Any

import pytest

from leitstand.notebook.scheduled import report_end


def reported(exit_code: int, message: str = "", run: str = "r1", **variables: str) -> list[Any]:
    stream = io.StringIO()
    report_end("deviations", run, exit_code, message, variables=variables, stream=stream)
    return [json.loads(line) for line in stream.getvalue().splitlines() if line]


@pytest.mark.parametrize(
    ("exit_code", "severity", "verdict"),
    [(0, "INFO", "success"), (6, "WARNING", "finding"), (4, "ERROR", "failure"),
     (3, "ERROR", "failure"), (1, "ERROR", "failure"), (130, "ERROR", "failure")],
)  # fmt: skip
def test_it_tells_success_finding_and_failure_apart(exit_code: int, severity: str, verdict: str):
    (line,) = reported(exit_code, "Etwas.", LEITSTAND_SCHEDULE="daily-look")
    assert (severity, verdict) == (line["severity"], line["leitstand"]["verdict"])
    assert ("daily-look", "deviations", "r1") == tuple(
        line["leitstand"][key] for key in ("schedule", "runbook", "run")
    )
    assert line["message"].startswith("Der Zeitplan daily-look ")


def test_a_run_that_no_schedule_started_leaves_none():
    assert [] == reported(4, "Etwas.")
