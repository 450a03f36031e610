"""The sandbox of this machine: found when it runs, started when it does not."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leitstand.configuration import load_environment
from leitstand.core.errors import GateRefused, InputError, RunFailed
from leitstand.core.seed import sandbox_seed
from leitstand.project import sandbox_directory

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection
    from leitstand.core.environment import Environment
    from leitstand.sandbox.control import Sandbox

__all__ = ["attach_sandbox", "connect", "sandbox_explained", "start_sandbox"]


def attach_sandbox() -> "Sandbox":
    """Return the running sandbox, or start one that ends together with this process."""
    from leitstand.sandbox import control

    running = control.find(sandbox_directory())
    if running is not None:
        return running
    try:
        return start_sandbox(lifeline=True)
    except control.AlreadyRunning:
        # Someone else was faster; theirs is as good.
        found = control.find(sandbox_directory())
        if found is None:
            raise
        return found


def connect(environment: "Environment") -> "Connection":
    """Return the clients of an environment; the sandbox is found or started for it."""
    from leitstand.cloud.connection import Connection

    if environment.sandbox is None:
        return Connection(environment)
    with sandbox_explained():
        return Connection(environment, attach_sandbox().grpc)


def start_sandbox(*, lifeline: bool, port: int | None = None) -> "Sandbox":
    """Start the sandbox with what its environment file lists.

    Args:
        lifeline: Whether it ends together with this process.
        port: Port of the APIs; the environment file's when left out.

    Raises:
        SandboxError: it could not be started; the class names the cause.
    """
    from leitstand.sandbox import control

    environment = load_environment("sandbox")
    assert environment.sandbox is not None
    return control.start(
        sandbox_directory(),
        sandbox_seed(environment),
        port=environment.sandbox.port if port is None else port,
        lifeline=lifeline,
    )


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
