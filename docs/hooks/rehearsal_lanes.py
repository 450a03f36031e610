"""Rehearses runbooks in sandboxes of their own, several lanes at once; leaves nothing running.

Each lane has a private state directory in a temporary directory, and a copy of one sandbox that was
provisioned before. All lanes seal into one store with one key, which is made for them and thrown
away; its public half stays beside the store. A lane that has ended takes up further work, so that
never more is done at once than there are lanes.
"""

import json
import os
import shlex
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from logging import Logger
from pathlib import Path
from typing import Any

from forked_commands import Commands, Ended, NotEnded
from lanes import at_once
from picture_stage import names_of, replaced
from picture_terminal import on_screen, typed
from rehearsal_results import CACHE, Rehearsed, digest_of
from rehearsal_sandbox import SANDBOX, copy_sandbox, environment_of
from rehearsal_table import Lane, Rehearsal, command_of

from leitstand.audit.signing import FileSigner

__all__ = ["Job", "RehearsalFailed", "rehearse"]

DEADLINE = 300.0
"""Seconds for one command."""

ENDING_SECONDS = 60.0

Job = Callable[[Path, threading.Event], Exception | None]
"""Further work: is given the provisioned sandbox, to be copied, and what is set when all are to
end; returns why it failed.
"""


class RehearsalFailed(Exception):
    """A runbook could not be rehearsed, or ended otherwise than it must.

    Attributes:
        what: The runbook or the command.
        exit_code: Its exit code; None where it did not come to an end.
        problem: What it said.
    """

    def __init__(self, what: str, exit_code: int | None, problem: str) -> None:
        ended = "did not end in time" if exit_code is None else f"ended with {exit_code}"
        super().__init__(f"{what} {ended}: {problem or 'it said nothing'}")
        self.what = what
        self.exit_code = exit_code
        self.problem = problem


def rehearse(
    lanes: Sequence[Lane],
    root: Path,
    target: Path,
    commit: str,
    log: Logger,
    early: Sequence[Job] = (),
    late: Sequence[Job] = (),
) -> list[Exception]:
    """Rehearse everything and return what failed; a lane ends with its first failure.

    Args:
        lanes: What is rehearsed; all lanes at once.
        root: The checkout.
        target: A directory, which gets ``rehearsals/``, ``records/`` and ``records.pub``, and in
            ``failed/`` the notebooks of runs that ended otherwise than they must.
        commit: Of the checkout, for the results.
        log: Told of each rehearsal.
        early: Done while the sandbox is provisioned, which they cannot use, or else as `late`.
        late: Done after the rehearsals, each by the next lane that has ended without a failure.

    Raises:
        KeyboardInterrupt: on Ctrl-C, SIGTERM or SIGHUP, once all sandboxes have ended.
    """
    target = target.resolve()
    for name in ("rehearsals", "records"):
        (target / name).mkdir(mode=0o700, parents=True)
    stopped = threading.Event()
    with tempfile.TemporaryDirectory(prefix="leitstand-docs-") as place:
        key = Path(place) / "records.pem"
        (target / "records.pub").write_text(FileSigner(key).public.text + "\n", "utf-8")
        # Before anything starts: what changes meanwhile is not what was rehearsed.
        digests = {one.runbook: digest_of(root, one) for lane in lanes for one in lane.rehearsals}
        first = Path(place) / "first"
        lane = partial(_Lane, root=root, target=target, commit=commit, digests=digests, log=log)
        lane = partial(lane, key=key, stopped=stopped)
        failures: list[Exception] = []
        over, usable = threading.Event(), threading.Event()
        soon, later = list(early), list(late)

        def jobs(waiting: list[Job]) -> Exception | None:
            failed = None
            while failed is None and not stopped.is_set():
                try:
                    job = waiting.pop(0)
                except IndexError:  # another lane has the last one
                    break
                failed = job(first / SANDBOX, stopped)
            return failed

        def begin(number: int) -> Exception | None:
            if number:
                failed = jobs(soon)
                over.wait()
                return failed
            try:
                failed = lane(home=first).run()
                if failed is None and not stopped.is_set():
                    usable.set()
                return failed
            finally:
                over.set()

        def walk(number: int) -> None:
            failed = begin(number)
            if failed is None and usable.is_set():
                failed = lane(home=Path(place) / str(number)).run(lanes[number], first / SANDBOX)
                failed = failed or jobs(soon) or jobs(later)
            if failed is not None:
                failures.append(failed)
                later.clear()

        at_once([partial(walk, number) for number in range(len(lanes))], stopped)
        return failures


class _Lane:
    def __init__(
        self, home: Path, key: Path, root: Path, target: Path, commit: str,
        digests: Mapping[str, str], log: Logger, stopped: threading.Event,
    ) -> None:  # fmt: skip
        self._home = home
        self._key = key
        self._root = root
        self._target = target
        self._commit = commit
        self._digests = digests
        self._log = log
        self._stopped = stopped
        self._environment = environment_of(root, home)

    def run(self, lane: Lane | None = None, sandbox: Path | None = None) -> Exception | None:
        """Rehearse the lane and return its failure; the sandbox has ended in any case.

        Args:
            lane: What is rehearsed; without it, the sandbox is provisioned, and that is all.
            sandbox: A provisioned one, to be copied.
        """
        self._home.mkdir(mode=0o700)
        (self._home / "records").symlink_to(self._target / "records")
        os.link(self._key, self._home / "records.pem")
        if sandbox is not None:
            copy_sandbox(sandbox, self._home)
        self._commands = Commands()
        self._run = partial(self._commands.run, directory=self._root, environment=self._environment)
        try:
            self._do("sandbox up")
            for rehearsal in lane.rehearsals if lane is not None else ():
                self._rehearse(rehearsal)
        except RehearsalFailed as failed:
            return None if self._stopped.is_set() else failed
        finally:
            self._end()
        return None

    def _rehearse(self, rehearsal: Rehearsal) -> None:
        started = time.monotonic()
        self._screens: dict[str, str] = {}
        for attempt in range(1, rehearsal.attempts + 1):
            try:
                self._keep(rehearsal, self._attempt(rehearsal))
                break
            except RehearsalFailed as failed:
                if attempt == rehearsal.attempts or self._stopped.is_set():
                    raise
                self._log.info("Once more: %s", failed)
        seconds = time.monotonic() - started
        self._log.info("Rehearsed %s in %.0f s", rehearsal.runbook, seconds)

    def _attempt(self, rehearsal: Rehearsal) -> Mapping[str, Any]:
        """Prepare, run the runbook, restore; return the run's result."""
        restore = self._do
        try:
            for preparing in rehearsal.prepare:
                self._step(rehearsal, preparing)
            command = [*shlex.split(command_of(rehearsal))[1:], "--json", "--quiet"]
            ended = self._leitstand(command, rehearsal.runbook)
            result = self._judged(rehearsal, ended)
            for following in rehearsal.after:
                self._step(rehearsal, following)
        except RehearsalFailed:
            restore = self._try  # what failed first is what counts
            raise
        finally:
            for restoring in rehearsal.restore:
                restore(restoring)
        return result

    def _judged(self, rehearsal: Rehearsal, ended: Ended) -> Mapping[str, Any]:
        """Return the result of a run that ended as it must; keep the notebook of another."""
        result = _result(ended.output)
        if ended.code == rehearsal.exit_code and Path(str(result.get("notebook"))).is_file():
            return result
        told = str(result.get("message") or ended.problems) + self._evidence(rehearsal, result)
        raise RehearsalFailed(f"the runbook {rehearsal.runbook}", ended.code, told)

    def _evidence(self, rehearsal: Rehearsal, result: Mapping[str, Any]) -> str:
        """Keep the notebook of a run that failed, and return where it will lie."""
        notebook = Path(str(result.get("notebook")))
        if not notebook.is_file():
            return ""
        (self._target / "failed").mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(notebook, self._target / "failed" / f"{rehearsal.runbook}.ipynb")
        return f" (see {CACHE / 'failed' / rehearsal.runbook}.ipynb)"

    def _keep(self, rehearsal: Rehearsal, result: Mapping[str, Any]) -> None:
        if not result["record"]:
            problem = f"its run is not sealed: {result['unsealed']}"
            raise RehearsalFailed(f"the runbook {rehearsal.runbook}", rehearsal.exit_code, problem)
        directory = self._target / "rehearsals" / rehearsal.runbook
        directory.mkdir(mode=0o700)
        shutil.copyfile(str(result["notebook"]), directory / "notebook.ipynb")
        ended = datetime.now(UTC).timestamp()
        started = datetime.fromtimestamp(ended - float(result["duration"]), UTC)
        Rehearsed(
            runbook=rehearsal.runbook,
            run=str(result["run"]),
            started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            seconds=float(result["duration"]),
            verdict="finding" if result["status"] == "finding" else "success",
            exit_code=int(result["exit_code"]),
            commit=self._commit,
            parameters={**rehearsal.parameters, "apply": rehearsal.apply},
            command=command_of(rehearsal),
            prepare=rehearsal.prepare,
            scene=rehearsal.scene,
            digest=self._digests[rehearsal.runbook],
        ).write(directory)
        for name, shown in self._screens.items():
            (directory / f"{name}.txt").write_text(shown, "utf-8")

    def _step(self, rehearsal: Rehearsal, command: str) -> None:
        """Do a command; in a terminal where what it says there is to be kept."""
        name = next((name for name, typed in rehearsal.screens.items() if typed == command), None)
        if name is None:
            self._do(command)
            return
        stopped = self._stopped.is_set
        code, sent = typed(shlex.split(command), self._root, self._environment, stopped, DEADLINE)
        if code != 0:
            raise RehearsalFailed(f"leitstand {command}", code, " ".join(on_screen(sent).split()))
        self._screens[name] = replaced(on_screen(sent), names_of(self._home, self._root))

    def _do(self, command: str) -> None:
        ended = self._leitstand(shlex.split(command), command)
        if ended.code != 0:
            raise RehearsalFailed(f"leitstand {command}", ended.code, ended.problems)

    def _try(self, command: str) -> None:
        with suppress(RehearsalFailed):
            self._do(command)

    def _leitstand(self, arguments: Sequence[str], what: str) -> Ended:
        try:
            return self._run(arguments, seconds=DEADLINE, stopped=self._stopped.is_set)
        except NotEnded as error:
            raise RehearsalFailed(what, None, str(error)) from error

    def _end(self) -> None:
        """End the sandbox and what visits it, whatever happened before."""
        commands = [["sandbox", "down"]]
        if (self._home / "drill.json").exists():
            commands.insert(0, ["drill", "stop"])
        for arguments in commands:
            with suppress(NotEnded):
                self._run(arguments, seconds=ENDING_SECONDS)
        self._commands.close()


def _result(output: str) -> Mapping[str, Any]:
    with suppress(ValueError):
        found = json.loads(output)
        if isinstance(found, dict):
            return found
    return {}
