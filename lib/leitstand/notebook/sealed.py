"""Seals a run that has just ended. What goes wrong there never changes how the run ended."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leitstand.configuration import load_environment
from leitstand.core.errors import LeitstandError
from leitstand.notebook.open_runs import clear_away, settle
from leitstand.notebook.record_signer import own_signer
from leitstand.notebook.run_directory import RunDirectory
from leitstand.project import state_directory

if TYPE_CHECKING:
    from leitstand.audit.signing import Signer
    from leitstand.audit.store import Store
    from leitstand.cloud.rest import Rest
    from leitstand.core.environment import Environment

__all__ = ["RecordKept", "hindrance", "open_records_of", "records_of", "seal_ended"]

_AT_ONCE: Final = 20
"""So many kept records are sent after a run, so that it ends soon."""


@dataclass(frozen=True)
class RecordKept:
    """What became of a run's record.

    Attributes:
        seq: Its number in the chain; 0 when it is not there yet.
        problem: Why it is not, as German sentences, or empty.
    """

    seq: int = 0
    problem: str = ""


def records_of(environment: "Environment | None") -> str:
    """Return the address of the store of an environment's records, or of this machine's own."""
    from leitstand.core.records.settings import records_in

    named = records_in(environment).store if environment is not None else ""
    return named or str(state_directory() / "records")


def seal_ended(run: Path, env: str) -> RecordKept:
    """Seal a run; its record is kept beside it when the store cannot be reached.

    Then send what was kept of earlier runs in the same environment.

    Args:
        run: Its directory; nothing writes to it any more.
        env: Name of its environment; empty when it has none.
    """
    from leitstand.audit.sealing import seal_run

    try:
        environment = load_environment(env) if env else None
        if environment is not None and (waits := settle(RunDirectory(run), environment)):
            return RecordKept(problem=waits)
        store = open_records_of(environment)
        signer = own_signer()
        sealed = seal_run(run, store, signer, crashed=True)
        if environment is not None:
            clear_away(RunDirectory(run), environment)
        _send_kept(run, environment, store, signer)
    except LeitstandError as error:
        return RecordKept(problem=f"{error.message} {error.advice}".strip())
    except OSError as error:
        return RecordKept(
            problem=f"Der Lauf ist nicht versiegelt: {error.strerror or error}."
            f" Holen Sie es nach: leitstand audit seal {run.name}."
        )
    return RecordKept(sealed.head.seq)


def _send_kept(
    run: Path, environment: "Environment | None", store: "Store", signer: "Signer"
) -> None:
    """Send records of earlier runs that the store did not take; what fails or runs waits on."""
    from leitstand.audit.index import list_runs
    from leitstand.audit.records import unsealed_runs
    from leitstand.audit.sealing_all import seal_all

    unsealed = unsealed_runs(run.parent)
    if not unsealed:
        return
    # Compared here, since no environment is one too, with a store of its own.
    env = "" if environment is None else environment.name
    here = {entry.id for entry in list_runs(run.parent) if entry.env == env}
    kept = [earlier.name for earlier in unsealed if earlier.name in here][:_AT_ONCE]
    if kept:
        args = (run.parent, lambda _: store, signer)
        list(seal_all(*args, only=kept, crashed=True, hindrance=hindrance))


def hindrance(run: Path, env: str) -> str:
    """Return why a run must not be sealed here, as German sentences; empty where it may be.

    What is left of its journal is sent to the place of open runs.

    Args:
        run: Its directory; nothing writes to it any more.
        env: Name of its environment; empty when it has none.
    """
    try:
        return settle(RunDirectory(run), load_environment(env)) if env else ""
    except LeitstandError:  # an environment that is gone; whoever seals says so
        return ""


def open_records_of(environment: "Environment | None", address: str = "") -> "Store":
    """Return the store of an environment's records, or the one at an address, as it reaches it.

    Raises:
        NoStoreAddress: the address is none.
    """
    from leitstand.execution.store_opening import open_store

    def rest() -> "Rest":
        from leitstand.notebook.sandboxes import connect

        assert environment is not None
        return connect(environment).rest

    address = address or records_of(environment)
    return open_store(address, rest=rest if environment is not None else None)
