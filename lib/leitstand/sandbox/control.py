"""Start, find, ask and stop the sandbox of a directory. Standard library only, no heavy import."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from leitstand.sandbox.exit_codes import DIRECTORY_IN_USE, PORT_TAKEN
from leitstand.sandbox.handle import (
    NO_PROXY,
    STOP_SECONDS,
    AlreadyRunning,
    MoveBroken,
    NotAnswering,
    PortTaken,
    Refused,
    Sandbox,
    SandboxError,
    StartFailed,
    StillMoving,
)
from leitstand.sandbox.processes import is_alive

__all__ = [
    "AlreadyRunning",
    "MoveBroken",
    "NotAnswering",
    "PortTaken",
    "Refused",
    "Sandbox",
    "SandboxError",
    "StartFailed",
    "StillMoving",
    "find",
    "has_image",
    "reset",
    "start",
]

LOG_TAIL_LINES = 20
# What must not reach the sandbox: it has no business with real credentials.
FOREIGN = ("GOOGLE_", "CLOUDSDK_", "GCLOUD_", "AWS_", "AZURE_")


def start(
    directory: Path,
    seed: Mapping[str, Any],
    *,
    port: int = 0,
    lifeline: bool,
    timeout: float = 20,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Sandbox:
    """Start the sandbox of that directory and return when it is ready.

    Args:
        directory: Made (0700) where it does not exist; state in it is taken up again.
        seed: What the sandbox holds at its first start.
        port: Of the gRPC APIs; 0 is any free one.
        lifeline: Whether it ends together with the returned object or this process.
        timeout: Seconds until it must be ready.
        variables: Besides this process's own; containers whose image asks for them get them too.

    Raises:
        AlreadyRunning: One runs there; of two starts at once, one ends like this.
        PortTaken: The port belongs to another process.
        StartFailed: It did not get ready.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _starting(directory):
        running = find(directory)
        if running is not None:
            raise AlreadyRunning(directory, running)
        _await_predecessor(directory, timeout)
        process = _spawn(directory, seed, port, lifeline, variables)
        try:
            return _ready(directory, process, port, timeout)
        except BaseException:
            _end(process)
            raise


def has_image(image: str, digest: str) -> bool:
    """Whether every sandbox has this very image in its registry from the start.

    Args:
        image: `package:tag`.
        digest: `sha256:…`.
    """
    from leitstand.sandbox.images.catalogue import Catalogue

    images = Catalogue.load().images()
    return (image, digest) in {(f"{one.package}:{one.tag}", one.digest) for one in images}


def find(directory: Path) -> Sandbox | None:
    """The sandbox that runs in this directory, or None; what a dead one left is cleaned away.

    Raises:
        NotAnswering: Its process lives, but does not answer.
    """
    content = _content(directory)
    if content is None:
        return None
    sandbox = Sandbox(directory, content)
    if not is_alive(sandbox.pid, str(content["process_start"])):
        if _content(directory) == content:
            (directory / "sandbox.json").unlink(missing_ok=True)
        return None
    if sandbox.answers():
        return sandbox
    if not is_alive(sandbox.pid, str(content["process_start"])):
        return None
    raise NotAnswering(sandbox)


def reset(directory: Path) -> None:
    """Stop the sandbox of this directory and delete its state; the next start seeds it anew."""
    if not directory.exists():
        return
    with _starting(directory):
        try:
            running = find(directory)
        except NotAnswering as error:
            running = error.sandbox
        if running is not None:
            running.stop()
        _await_predecessor(directory, STOP_SECONDS)
        for entry in directory.iterdir():
            if entry.name == "start.lock":
                continue
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)


@contextmanager
def _starting(directory: Path) -> Iterator[None]:
    """One start or reset of a directory at a time."""
    with open(directory / "start.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _await_predecessor(directory: Path, timeout: float) -> None:
    """Wait until a supervisor that is shutting down has let go of the directory.

    Raises:
        AlreadyRunning: It holds the directory longer than that.
    """
    deadline = time.monotonic() + timeout
    with open(directory / "supervisor.lock", "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AlreadyRunning(directory, None) from None
                time.sleep(0.01)
            else:
                return


def _spawn(
    directory: Path,
    seed: Mapping[str, Any],
    port: int,
    lifeline: bool,
    variables: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    seed_file = directory / "seed.json"
    seed_file.write_text(json.dumps(seed), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "leitstand.sandbox.server"]
    command += ["--directory", str(directory.resolve()), "--seed", str(seed_file.resolve())]
    command += ["--port", str(port), *(["--lifeline"] if lifeline else [])]
    kept = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    kept |= variables
    descriptor = os.open(directory / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if lifeline else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**kept, "NO_PROXY": NO_PROXY, "GRPC_ENABLE_FORK_SUPPORT": "0"},
            cwd=directory,
            # Ctrl-C in the terminal must not reach it before a rollout has been rolled back.
            start_new_session=True,
        )


def _ready(directory: Path, process: subprocess.Popen[bytes], port: int, timeout: float) -> Sandbox:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        content = _content(directory)
        if content is not None and content["pid"] == process.pid:
            return Sandbox(directory, content, process)
        code = process.poll()
        if code == PORT_TAKEN:
            raise PortTaken(port)
        if code == DIRECTORY_IN_USE:
            raise AlreadyRunning(directory, None)
        if code is not None:
            raise StartFailed(f"its process ended with code {code}.", _log_tail(directory))
        time.sleep(0.01)
    raise StartFailed(f"it was not ready after {timeout:g} seconds.", _log_tail(directory))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _content(directory: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((directory / "sandbox.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    needed = {
        "pid",
        "process_start",
        "grpc",
        "control",
        "public",
        "rest",
        "token",
        "project",
        "location",
    }
    return content if isinstance(content, dict) and needed <= set(content) else None


def _log_tail(directory: Path) -> str:
    try:
        text = (directory / "supervisor.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:])
