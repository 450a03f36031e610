"""Redis and the queue in it; every function is read-only."""

from collections.abc import Callable

from leitstand.core.environment import Environment
from leitstand.core.triage.signals import QueueSignal
from leitstand.core.triage.store_signals import RedisSignal
from leitstand.execution.triage.services import Estate, service_signals

__all__ = ["queue_of", "redis_of"]

_WORKER = "worker"


def redis_of(url: str, seconds: float) -> RedisSignal:
    """Return the memory of Redis, and whether it takes anything more."""
    from leitstand.database.queue import read_redis

    state = read_redis(url, timeout=seconds)
    return RedisSignal(
        used_bytes=state.used_bytes,
        max_bytes=state.max_bytes,
        evicted_keys=state.evicted_keys,
        clients=state.clients,
        policy=state.policy,
        writes_refused=state.blocked,
    )


def queue_of(
    url: str, environment: Environment, estate: Callable[[], Estate], seconds: float
) -> QueueSignal:
    """Return what waits in the queue, and how many workers there are for it.

    Where Cloud Run does not tell of its workers, they are as many as the environment file wants.
    """
    from leitstand.database.queue import read_queues

    (state,) = read_queues(url, (environment.scaling.queue,), timeout=seconds)
    return QueueSignal(
        state.name, state.length, state.oldest_seconds, _workers(environment, estate)
    )


def _workers(environment: Environment, estate: Callable[[], Estate]) -> int:
    try:
        found = service_signals(estate(), environment)
    except Exception:  # noqa: BLE001  # whoever asks for services is told why
        desired = environment.services.get(_WORKER)
        return desired.scaling.min_instance_count if desired else 0
    if _WORKER not in found:
        return 0
    worker = found[_WORKER]
    least, _, manual = worker.instances
    serves = any(revision.ready and revision.percent for revision in worker.revisions)
    return (least if manual is None else manual) if serves else 0
