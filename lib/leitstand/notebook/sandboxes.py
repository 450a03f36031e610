"""The sandbox of this machine: found when it runs, started when it does not."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from leitstand.audit.durable import create_once
from leitstand.cloud.errors import CloudUnreachable, NotFound
from leitstand.configuration import load_environment
from leitstand.core.errors import GateRefused, InputError, RunFailed
from leitstand.core.seed import sandbox_seed
from leitstand.notebook.furnishing import NotFurnished
from leitstand.project import places, sandbox_directory

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection
    from leitstand.core.environment import Environment
    from leitstand.sandbox.control import Sandbox

__all__ = ["attach_sandbox", "connect", "sandbox_explained", "start_sandbox", "world_of"]

_INSTANCE = "instance"

_ATTEMPTS = 5
"""How often the sandbox is looked for while others start and end it."""


def attach_sandbox(environment: "Environment | None" = None) -> "Sandbox":
    """Return the running sandbox, or start one that ends together with this process.

    Either way it is ready for runbooks, or was left empty on purpose.

    Args:
        environment: The sandbox's, where somebody has read it already.

    Raises:
        NotFurnished: it could not be made ready.
        SandboxError: it could not be started; the class names the cause.
    """
    from leitstand.notebook.furnishing import furnish
    from leitstand.sandbox import control

    directory = sandbox_directory()
    for _ in range(_ATTEMPTS):
        running = control.find(directory)
        if running is None:
            with suppress(control.AlreadyRunning):  # someone else was faster; theirs is as good
                return start_sandbox(lifeline=True)
            continue
        try:
            furnish(environment or load_environment("sandbox"), running)
        except (NotFurnished, CloudUnreachable, NotFound):
            if control.find(directory) is not None:
                raise
        else:
            return running
    raise control.StartFailed("others start and end it all the time.", "")


def connect(
    environment: "Environment", learn: Callable[[Iterable[str]], None] | None = None
) -> "Connection":
    """Return the clients of an environment; the sandbox is found or started for it.

    Args:
        environment: Where to.
        learn: Told every value of a secret before anyone has it.
    """
    from leitstand.cloud.connection import Connection

    if environment.sandbox is None:
        return Connection(environment, learn=learn)
    with sandbox_explained():
        sandbox = attach_sandbox(environment)
        return Connection(environment, sandbox.grpc, sandbox.rest, learn=learn)


def start_sandbox(
    *,
    lifeline: bool,
    port: int | None = None,
    empty: bool = False,
    watch: Callable[[str], None] = lambda _: None,
) -> "Sandbox":
    """Start the sandbox; what an earlier one was cut off in the middle of begins anew.

    Args:
        lifeline: Whether it ends together with this process.
        port: Port of the APIs; the environment file's when left out.
        empty: Whether it is left empty, so that provisioning can be rehearsed.
        watch: Told what is being made.

    Raises:
        NotFurnished: it could not be made ready.
        SandboxError: it could not be started; the class names the cause.
    """
    from leitstand.notebook.furnishing import furnish, is_furnished, keep_empty
    from leitstand.sandbox import control

    environment, directory = load_environment("sandbox"), sandbox_directory()
    assert environment.sandbox is not None
    if directory.exists() and not is_furnished(directory) and control.find(directory) is None:
        control.reset(directory)
    sandbox = control.start(
        directory,
        sandbox_seed(environment),
        port=environment.sandbox.port if port is None else port,
        lifeline=lifeline,
        variables=places(),
    )
    try:
        if empty:
            keep_empty(directory)
        furnish(environment, sandbox, watch)
    except BaseException:
        sandbox.stop()
        raise
    return sandbox


def world_of(environment: "Environment") -> str:
    """Return which sandbox an environment is; empty for all others, and while there is none.

    The name is made up when it is first asked for, and goes with the sandbox when that is reset.
    """
    directory = sandbox_directory()
    if environment.sandbox is None or not directory.is_dir():
        return ""
    path = directory / _INSTANCE
    with suppress(FileNotFoundError):
        return path.read_text("ascii")
    create_once(path, [secrets.token_hex(6).encode()], directory, mode=0o600)
    return path.read_text("ascii")


@contextmanager
def sandbox_explained() -> Iterator[None]:
    """Turn errors of the sandbox into German ones."""
    from leitstand.sandbox import control

    try:
        yield
    except control.PortTaken as error:
        raise InputError(
            f"Der Port {error.port} der Sandbox ist belegt.",
            "Beenden Sie, was dort läuft, oder wählen Sie mit --port einen anderen.",
        ) from error
    except control.AlreadyRunning as error:
        raise GateRefused(
            "Die Sandbox läuft schon.", "Beenden Sie sie zuerst mit leitstand sandbox down."
        ) from error
    except control.NotAnswering as error:
        raise RunFailed(
            "Die Sandbox antwortet nicht.",
            "Beenden Sie sie mit leitstand sandbox down, und starten Sie sie neu.",
        ) from error
    except control.StartFailed as error:
        last = error.log_tail.strip().splitlines()[-1:] or ["ohne Meldung"]
        raise RunFailed(
            f"Die Sandbox ist nicht gestartet: {last[0]}",
            f"Lesen Sie {sandbox_directory() / 'supervisor.log'}, oder beginnen Sie mit"
            " leitstand sandbox reset neu.",
        ) from error
    except control.Refused as error:
        raise InputError(
            f"Die Sandbox lehnt ab: {error}", "Prüfen Sie Methode, Art und Code."
        ) from error
