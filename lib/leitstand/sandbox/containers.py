"""What a container of the sandbox is: variables, a command, and the lines it writes."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from google.cloud import run_v2

from leitstand.sandbox import leash
from leitstand.sandbox.images.catalogue import APPLICATION

__all__ = [
    "Process",
    "SecretReader",
    "Spawn",
    "command_line",
    "entry_point",
    "environment",
    "held_command",
    "inherited",
    "pump",
    "spawn",
]

# Full name of a secret version -> its value; raises ApiError.
SecretReader = Callable[[str], bytes]


class _Closing(Protocol):
    def close(self) -> None: ...


class Process(Protocol):
    """A container's process; asyncio's own is one."""

    @property
    def pid(self) -> int:
        """Id of the process and of its group."""

    @property
    def returncode(self) -> int | None:
        """Exit code, below zero for a signal, or None as long as it runs."""

    @property
    def stdin(self) -> _Closing | None:
        """Its lifeline."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it writes."""

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """What it writes as problems."""

    async def wait(self) -> int:
        """Wait for its end; returns the exit code."""


# Starts a container from its command and all its variables; raises OSError.
Spawn = Callable[[Sequence[str], Mapping[str, str]], Awaitable[Process]]

_LONGEST_LINE = 64 * 1024
# What a container inherits from this process; everything else it gets from its template.
_INHERITED = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "SYSTEMROOT")
_LEASH = (sys.executable, "-S", "-P", str(Path(leash.__file__)))


def inherited(more: Sequence[str] = ()) -> dict[str, str]:
    """The few variables that a process gets from the machine it runs on, and those of `more`."""
    found = {name: os.environ[name] for name in (*_INHERITED, *more) if name in os.environ}
    return found | {"PYTHONUTF8": "1"}


def entry_point(module: str = APPLICATION) -> list[str]:
    """The program of an image whose entry point is a module."""
    return [sys.executable, "-P", "-m", module]


def environment(container: run_v2.Container, project: str, secrets: SecretReader) -> dict[str, str]:
    """The variables of a container's template, secrets resolved by version.

    Raises:
        ApiError: A secret version cannot be read.
    """
    values: dict[str, str] = {}
    for variable in container.env:
        reference = variable.value_source.secret_key_ref
        if not reference.secret:
            values[variable.name] = variable.value
            continue
        secret = reference.secret
        if not secret.startswith("projects/"):
            secret = f"projects/{project}/secrets/{secret}"
        version = f"{secret}/versions/{reference.version or 'latest'}"
        values[variable.name] = secrets(version).decode()
    return values


def command_line(container: run_v2.Container, module: str = APPLICATION) -> list[str]:
    """The program and arguments of a container.

    `module` is the image's entry point. It is also what `celery` stands for, and what lies as
    `manage.py` in the working directory; `python` is the interpreter of the sandbox, any other
    program that of the machine.
    """
    own = entry_point(module)
    arguments = list(container.args)
    if not container.command:
        return [*own, *arguments]
    program, *rest = container.command
    if program == "celery":
        return [*own, program, *rest, *arguments]
    if program not in ("python", "python3"):
        return [program, *rest, *arguments]
    if rest[:1] == ["manage.py"]:
        return [*own, *rest[1:], *arguments]
    return [sys.executable, *rest, *arguments]


def held_command(container: run_v2.Container, module: str) -> list[str]:
    """The command line of an instance or a task, which ends when its standard input does.

    The images' own programs watch over that themselves; anything else runs on a leash.
    """
    command = command_line(container, module)
    own = entry_point(module)
    return command if command[: len(own)] == own else [*_LEASH, *command]


async def spawn(command: Sequence[str], environment: Mapping[str, str]) -> Process:
    """Start a container's process, which leads a process group of its own.

    Raises:
        OSError: It cannot be started.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        cwd=tempfile.gettempdir(),
        start_new_session=True,
    )


async def pump(reader: asyncio.StreamReader | None, write_line: Callable[[str], None]) -> None:
    """Hand on every line of a stream until its end; over-long lines are cut into pieces."""
    assert reader is not None
    rest = b""
    while chunk := await reader.read(_LONGEST_LINE):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        _write(lines, write_line)
    _write([rest], write_line)


def _write(lines: Sequence[bytes], write_line: Callable[[str], None]) -> None:
    for line in lines:
        if text := line.decode("utf-8", "replace").rstrip():
            write_line(text)
