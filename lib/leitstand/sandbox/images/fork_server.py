"""Starts containers of the sample application by forking; their libraries are imported once.

`python -P -m leitstand.sandbox.images.fork_server DESCRIPTOR`. Most of the time a container takes
to start goes into imports. A fork has nothing of the application itself: it reads its variables and
imports its own modules as a process started by hand does; it works where this process does. The
process ends when the other end of its socket closes; containers end with their standard input.

Each packet is a message in JSON. Requests have the three standard descriptors attached.

    {"id": 1, "module": "…", "arguments": ["…"], "environment": {…}}
    {"id": 1, "pid": 4711}
    {"pid": 4711, "code": 0}
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["serve"]

# What they import anyway. Nothing here may read a variable, open a file that stays open or start a
# thread: a fork would share it.
_CELERY = (
    "celery.app.trace",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.concurrency.solo",
    "celery.loaders.app",
    "celery.worker.consumer",
    "kombu.transport.redis",
)
_DJANGO = (
    "django.core.management.base",
    "django.core.wsgi",
    "django.db.backends.postgresql.base",
    "django.db.migrations.executor",
    "django.db.models",
    "django.middleware.common",
    "django.shortcuts",
    "django.template.loaders.cached",
    "pgvector.django",
    "psycopg",
    "waitress.server",
)
_MOST_BYTES = 1 << 20
_STANDARD = (0, 1, 2)
_LONGEST_NAME = 15


def serve(line: socket.socket) -> None:
    """Fork for each request until the line ends. In a fork it returns at the container's end."""
    awake, wakes = os.pipe()
    for descriptor in (awake, wakes):
        os.set_blocking(descriptor, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # a handler, so that a byte is written
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([line.fileno(), awake], [], [])
        if awake in ready:
            with suppress(BlockingIOError):
                os.read(awake, _MOST_BYTES)
            _tell_ends(line)
        if line.fileno() not in ready:
            continue
        received = _receive(line)
        if received is None:
            return
        request, descriptors = received
        _prepare(_CELERY if request["arguments"][:1] == ["celery"] else _DJANGO)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (awake, wakes):
                os.close(descriptor)
            line.close()
            _become(request, descriptors)
            return
        # Both do it, so that it is done whoever comes first.
        with suppress(OSError):
            os.setpgid(pid, pid)
        for descriptor in descriptors:
            os.close(descriptor)
        _send(line, {"id": request["id"], "pid": pid})


def _prepare(libraries: Sequence[str]) -> None:
    """Import them, unless an earlier container has needed them, too."""
    if libraries[0] in sys.modules:
        return
    for name in libraries:
        with suppress(Exception):  # the container imports it again, where it can say what is wrong
            import_module(name)
    gc.collect()
    gc.freeze()  # pages that nobody touches stay shared


def _become(request: Mapping[str, Any], descriptors: list[int]) -> None:
    """In the fork: be the container until it ends; SystemExit ends the interpreter as ever."""
    os.setpgid(0, 0)
    for number, descriptor in zip(_STANDARD, descriptors, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["environment"])
    name = " ".join(request["arguments"]) or request["environment"].get("K_SERVICE", "")
    with suppress(OSError):  # what ps shows
        Path("/proc/self/comm").write_text(name[:_LONGEST_NAME], "utf-8")
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _receive(line: socket.socket) -> tuple[Mapping[str, Any], list[int]] | None:
    """The next request with its descriptors; None at the end of the line."""
    content, descriptors, _, _ = socket.recv_fds(line, _MOST_BYTES, len(_STANDARD))
    return (json.loads(content), list(descriptors)) if content else None


def _tell_ends(line: socket.socket) -> None:
    """Say of every container that has ended how it did."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _send(line, {"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _send(line: socket.socket, message: Mapping[str, Any]) -> None:
    with suppress(ConnectionError):  # nobody listens any more; the next read says so
        line.send(json.dumps(message).encode())


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
