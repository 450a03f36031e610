"""Handlers that maintain vector indexes: rebuild, build, exchange, drop, vacuum, analyze, update.

All work is repeatable: what an earlier attempt finished is found, and what it left half done is
dropped and done again.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from leitstand.core.plan import Action
from leitstand.core.resources import Tenancy
from leitstand.execution.executor import Handler, Watch
from leitstand.execution.vector_measuring import Measuring
from leitstand.execution.vector_threads import Threads
from leitstand.execution.vector_works import Works

if TYPE_CHECKING:
    from leitstand.database.vector_control import Control

__all__ = ["vector_handlers"]

Do = Callable[[Action, "Control"], Mapping[str, Any]]
Reached = Callable[[Action], bool]


def vector_handlers(
    administrator: Callable[[], str],
    application: Callable[[], str],
    run: str,
    tenancy: Tenancy,
    *,
    patience: float = 5.0,
) -> dict[str, Handler]:
    """Return the handlers of vector maintenance by kind of action.

    Args:
        administrator: Returns the URL of the role that maintains; asked once, when it is needed.
        application: Returns the URL of the role that searches; likewise.
        run: Id of the run; names its sessions and its entries in the ledger.
        tenancy: How searches name their tenant.
        patience: Seconds to wait for a table that another run works on.
    """
    from leitstand.database.vector_sessions import Sessions

    administrator, application = cache(administrator), cache(application)
    sessions = Sessions(administrator, run, patience=patience)
    works = Works(sessions, Measuring(application, administrator, tenancy), run)
    make = partial(_Handler, Threads(sessions))
    return {
        "vector_extension": make(works.extension, works.extension_reached),
        "vector_leftover": make(works.drop, works.drop_reached),
        "vector_reindex": make(works.reindex, works.reindex_reached),
        "vector_build": make(works.build, works.build_reached),
        "vector_exchange": make(works.exchange, works.exchange_reached),
        "vector_drop": make(works.drop, works.drop_reached),
        "vector_vacuum": make(works.vacuum, works.never),
        "vector_analyze": make(works.analyze, works.never),
    }


class _Handler:
    """Runs one kind of work in a thread of its own."""

    def __init__(self, threads: Threads, do: Do, reached: Reached) -> None:
        self._threads = threads
        self._do = do
        self._reached = reached

    def reached(self, action: Action) -> bool:
        return self._reached(action)

    def start(self, action: Action, etag: str) -> str:
        self._threads.begin(action, partial(self._do, action))
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        return self._threads.finish(action, partial(self._do, action), watch)
