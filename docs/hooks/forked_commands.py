"""Runs commands of ``leitstand``, each in a fork of a process that has the imports done.

A run of a runbook and its kernel spend most of their processor time on imports; the rehearsals of a
build and the tests run them by the hundred. What is forked holds no thread and has opened nothing,
so each command and each kernel begins as a process of its own would.
"""

import atexit
import gc
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Commands", "Ended", "NotEnded"]

CLIENTS = ("artifactregistry_v1", "logging_v2", "monitoring_v3", "run_v2", "secretmanager_v1")
PRELOADED = ("leitstand.cli.run", "leitstand.cli.drill", "leitstand.cli.sandbox",
             "leitstand.notebook.runner", "leitstand.audit.sealing")  # fmt: skip
PAUSE = 0.05
ENDING_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: Its exit code.
        output: What it wrote to standard output.
        problems: What it wrote to standard error, on one line.
    """

    code: int
    output: str
    problems: str


class NotEnded(Exception):
    """A command did not end in time, or was not to go on; it has been ended."""


class Commands:
    """Runs commands one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, start_new_session=True,  # Ctrl-C reaches the caller, who ends all in order
        )  # fmt: skip

    def run(
        self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str],
        seconds: float, stopped: Callable[[], bool] = lambda: False,
    ) -> Ended:  # fmt: skip
        """Run one command and return how it ended.

        Args:
            arguments: What stands behind ``leitstand``.
            directory: Where it runs.
            environment: All its variables; those that an interpreter reads at its start have no
                effect.
            seconds: How long it may take.
            stopped: Whether it is not to go on.

        Raises:
            NotEnded: it did not end in time, or was stopped.
        """
        with tempfile.TemporaryDirectory(prefix="leitstand-") as place:
            files = [Path(place) / name for name in ("output", "problems", "code")]
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            request = {
                "arguments": list(arguments),
                "directory": str(directory),
                "environment": dict(environment),
                "files": list(map(str, files)),
            }
            try:
                self._process.stdin.write(json.dumps(request) + "\n")
                self._process.stdin.flush()
                pid = int(self._process.stdout.readline())
            except (BrokenPipeError, ValueError) as error:
                raise NotEnded("the process that forks is gone") from error
            end = time.monotonic() + seconds
            while not files[2].exists():
                if stopped() or time.monotonic() > end or self._process.poll() is not None:
                    _end(pid, files[2])
                    raise NotEnded(f"it was ended after at most {seconds:.0f} s")
                time.sleep(PAUSE)
            output, problems, code = (path.read_text("utf-8", "replace") for path in files)
            return Ended(int(code), output, " ".join(problems.split()))

    def close(self) -> None:
        """End the process that forks; no command runs any more."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _end(pid: int, code: Path) -> None:
    """End a command as Ctrl-C would: a run then puts things right and saves what it did."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
        end = time.monotonic() + ENDING_SECONDS / 2
        while time.monotonic() < end:
            if code.exists():
                return
            time.sleep(PAUSE)


def serve() -> None:
    """Fork for each request on standard input; say who does it, and write its exit code."""
    import importlib

    # Before gRPC is imported: forks begin to use it, none inherits anything it has begun.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    from leitstand.notebook.imports import import_lightly, import_papermill, without_grammar
    from leitstand.notebook.kernel_main import EARLY

    import_lightly()
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # as every kernel of a run does
    import_papermill()
    with without_grammar():
        clients = [f"google.cloud.{name}" for name in CLIENTS]
        for name in (*PRELOADED, "psycopg", *EARLY, *clients):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # pages that nobody touches stay shared
    for line in sys.stdin:
        request = json.loads(line)
        code = Path(request["files"][2])
        pid = os.fork()
        if pid == 0:
            _command(request)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        ended = code.with_suffix(".new")
        ended.write_text(str(os.waitstatus_to_exitcode(status)))
        ended.rename(code)


def _command(request: Mapping[str, Any]) -> None:
    """Become the command; never returns."""
    code = 1
    arguments: list[str] = request["arguments"]
    output, problems, _ = request["files"]
    try:
        os.setsid()
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["directory"])
        for number, path in ((0, os.devnull), (1, output), (2, problems)):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
            os.dup2(os.open(path, flags, 0o600), number)
        sys.stdin, sys.argv = io.StringIO(), ["leitstand", *arguments]
        from leitstand.__main__ import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter itself would
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]  # as an interpreter ends
        atexit._run_exitfuncs()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
