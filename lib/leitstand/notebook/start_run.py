"""Starts another runbook's run as an action: as a process of its own, and never twice."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.history import History
from leitstand.notebook.incident_runs import IncidentRun, started_by
from leitstand.notebook.origin import variables
from leitstand.notebook.run_directory import RUN_VARIABLE

__all__ = ["start_handlers"]

_PAUSE = 0.5
_STOP_SECONDS = 30.0
_DEADLINE = 3600.0
_UNDER_WAY = "running"
_ENDS = ("completed", "finding")
"""A finding is an end as well: what the run was to do is done, and it is not done again."""


def start_handlers(
    runs: Path, run: str, incident: str, *, deadline: float = _DEADLINE
) -> dict[str, Handler]:
    """Return the handler of ``start_run``.

    Args:
        runs: Directory of all runs.
        run: Id of the run that starts others.
        incident: Id of the incident that they are for.
        deadline: Seconds after which the end is waited for no longer; the run goes on.
    """
    return {"start_run": _StartRun(runs, run, incident, deadline)}


class _StartRun:
    """Runs ``leitstand run`` and waits for its end."""

    def __init__(self, runs: Path, run: str, incident: str, deadline: float) -> None:
        self._runs = runs
        self._run = run
        self._incident = incident
        self._deadline = deadline
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def reached(self, action: Action) -> bool:
        """Return whether the action has a run already beside which none may be started."""
        found = self._found(action)
        return found is not None and (_over_or_under_way(found) or _open(found))

    def start(self, action: Action, etag: str) -> str:
        """Start the run, unless an earlier attempt did; its journal names incident and action.

        A run that ended before it changed anything, or was taken back, makes room for another.

        Raises:
            ActionFailed: the run of an earlier attempt has changes open.
        """
        found = self._found(action)
        if found is not None and _over_or_under_way(found):
            return ""
        if found is not None and _open(found):
            raise _left_open(action, found)
        arguments = action.arguments
        command = [sys.executable, "-m", "leitstand", "run", arguments["runbook"], "--json"]
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

        The evidence names the run, its notebook and its status, ``completed`` or ``finding``.

        Raises:
            ActionFailed: it did not come to its end, or not in time; then it goes on.
        """
        end = time.monotonic() + self._deadline
        process = self._processes.pop(action.id, None)
        if process is None:
            return self._ended(action, end, watch)
        output, problems = self._output(process, action, end, watch)
        try:
            result = json.loads(output)
        except ValueError:
            result = {}
        if result.get("status") not in _ENDS:
            run = result.get("run") or action.arguments["runbook"]
            why = result.get("message") or " ".join(problems.split()) or "ohne Begründung"
            raise ActionFailed(action.id, f"{run}: {why}")
        return {name: result[name] for name in ("run", "notebook", "status")}

    def _output(
        self, process: subprocess.Popen[str], action: Action, end: float, watch: Watch
    ) -> tuple[str, str]:
        """Return what the process wrote, once it has ended; an interrupt is passed on to it."""
        try:
            while time.monotonic() < end:
                # Waiting reads, too: a full pipe would hold the process up.
                with suppress(subprocess.TimeoutExpired):
                    return process.communicate(timeout=_PAUSE)
                watch(f"{action.arguments['runbook']} läuft")
        except BaseException:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):  # it puts things right by itself
                process.communicate(timeout=_STOP_SECONDS)
            raise
        found = self._found(action)
        raise self._late(action, found.entry.id if found else action.arguments["runbook"])

    def _ended(self, action: Action, end: float, watch: Watch) -> Mapping[str, Any]:
        while (found := self._found(action)) and found.entry.status == _UNDER_WAY:
            if time.monotonic() >= end:
                raise self._late(action, found.entry.id)
            watch(f"{found.entry.id} läuft")
            time.sleep(_PAUSE)
        if found is not None and found.entry.status in _ENDS:
            entry = found.entry
            notebook = str(entry.path / "notebook.ipynb")
            return {"run": entry.id, "notebook": notebook, "status": entry.status}
        if found is not None and _open(found):
            raise _left_open(action, found)
        name = found.entry.id if found else action.arguments["runbook"]
        raise ActionFailed(action.id, f"Der Lauf {name} ist nicht gelungen")

    def _found(self, action: Action) -> IncidentRun | None:
        return started_by(self._runs, f"{self._run}/{action.id}")

    def _late(self, action: Action, run: str) -> ActionFailed:
        return ActionFailed(
            action.id, f"Der Lauf {run} ist nach {self._deadline:.0f} s noch im Gang"
        )


def _over_or_under_way(found: IncidentRun) -> bool:
    return found.entry.status in {*_ENDS, _UNDER_WAY}


def _open(found: IncidentRun) -> bool:
    return History.read(found.events).open


def _left_open(action: Action, found: IncidentRun) -> ActionFailed:
    run = found.entry.id
    return ActionFailed(
        action.id,
        f"Der Lauf {run} ist noch offen. Setzen Sie ihn zuerst fort (leitstand resume {run}),"
        f" oder nehmen Sie ihn zurück (leitstand revert {run})",
    )


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value)
