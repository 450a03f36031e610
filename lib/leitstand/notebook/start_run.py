"""Starts another runbook's run as an action: as a process of its own, and never twice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.notebook.incident_runs import started_by
from leitstand.notebook.origin import variables
from leitstand.notebook.run_directory import RUN_VARIABLE

__all__ = ["start_handlers"]

_PAUSE = 0.5
_STOP_SECONDS = 30.0
_UNDER_WAY = "running"


def start_handlers(runs: Path, run: str, incident: str) -> dict[str, Handler]:
    """Return the handler of ``start_run``.

    Args:
        runs: Directory of all runs.
        run: Id of the run that starts others.
        incident: Id of the incident that they are for.
    """
    return {"start_run": _StartRun(runs, run, incident)}


class _StartRun:
    """Runs ``leitstand run`` and waits for its end."""

    def __init__(self, runs: Path, run: str, incident: str) -> None:
        self._runs = runs
        self._run = run
        self._incident = incident
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def reached(self, action: Action) -> bool:
        """Return whether the action has a run already, whatever came of it."""
        return started_by(self._runs, f"{self._run}/{action.id}") is not None

    def start(self, action: Action, etag: str) -> str:
        """Start the run; its journal names the incident and this action."""
        arguments = action.arguments
        command = [sys.executable, "-m", "leitstand.cli", "run", arguments["runbook"], "--json"]
        for name, value in sorted(arguments["parameters"].items()):
            command += ["-p", f"{name}={_literal(value)}"]
        environment = {k: v for k, v in os.environ.items() if k != RUN_VARIABLE}
        self._processes[action.id] = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, **variables(self._incident, self._run, action.id)},
            # Ctrl-C in the notebook is passed on by finish, once.
            start_new_session=True,
        )
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Wait until the run has ended; one that an earlier attempt started is looked for.

        Raises:
            ActionFailed: it did not succeed.
        """
        process = self._processes.pop(action.id, None)
        if process is None:
            return self._ended(action, watch)
        try:
            while process.poll() is None:
                watch(f"{action.arguments['runbook']} läuft")
                time.sleep(_PAUSE)
        except BaseException:
            process.terminate()
            process.communicate(timeout=_STOP_SECONDS)
            raise
        output, problems = process.communicate()
        try:
            result = json.loads(output)
        except ValueError:
            result = {}
        if process.returncode:
            run = result.get("run", "")
            why = result.get("message") or " ".join(problems.split()) or "ohne Begründung"
            raise ActionFailed(action.id, f"{run or action.arguments['runbook']}: {why}")
        return {"run": result["run"], "notebook": result["notebook"]}

    def _ended(self, action: Action, watch: Watch) -> Mapping[str, Any]:
        while True:
            found = started_by(self._runs, f"{self._run}/{action.id}")
            if found is None or found.entry.status != _UNDER_WAY:
                break
            watch(f"{found.entry.id} läuft")
            time.sleep(_PAUSE)
        if found is None or found.entry.status != "completed":
            name = found.entry.id if found else action.arguments["runbook"]
            raise ActionFailed(action.id, f"Der Lauf {name} ist nicht gelungen")
        return {"run": found.entry.id, "notebook": str(found.entry.path / "notebook.ipynb")}


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
