"""The application's Celery: its broker, its settings and its tasks.

Celery is imported where it is needed first: it costs more than the rest of the application.
"""

from __future__ import annotations

import functools
import os
import time
from typing import Any

from leitstand.sandbox.images.app.lines import write_line

__all__ = ["broker_answers", "broker_url", "celery_app", "enqueue"]

_TIMEOUT = 1.0
_TRANSPORT = {
    "socket_connect_timeout": _TIMEOUT,
    # What a worker held when it was killed comes back after so many seconds.
    "visibility_timeout": 3600,
}


def broker_url() -> str:
    """Address of the Redis that holds the queue, or "" where the container has none."""
    return os.environ.get("REDIS_URL", "")


@functools.cache
def celery_app(url: str) -> Any:
    """The Celery application with its tasks.

    A worker takes one message at a time and acknowledges it when the task is done, so that the
    length of the queue `celery` is the work that nobody has begun.
    """
    from celery import Celery, signals

    from leitstand.sandbox.images.app import work

    # Celery's own Django fixup would import Django while a worker starts.
    app = Celery("app", broker=url, fixups=())
    app.conf.update(
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_transport_options=_TRANSPORT,
        task_acks_late=True,
        task_ignore_result=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_concurrency=1,
        worker_pool="solo",
        worker_prefetch_multiplier=1,
        worker_redirect_stdouts=False,
    )
    for task in (work.embed_document, work.send_mail, work.slow, work.heartbeat):
        app.task(task, name=task.__name__)
    signals.before_task_publish.connect(_stamp)
    return app


def enqueue(task: str, *arguments: object) -> bool:
    """Put a task into the queue; returns whether it lies there.

    Without a broker nothing happens. One that does not answer is logged: the request that wanted
    the task has done its own work already.
    """
    url = broker_url()
    if not url:
        return False
    app = celery_app(url)
    from kombu.exceptions import OperationalError

    try:
        app.send_task(task, args=arguments)
    except (OperationalError, OSError) as error:
        write_line("ERROR", "Die Aufgabe ist nicht eingereiht", task=task, error=_short(error))
        return False
    return True


def _stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Write into a message when it was put into the queue; what is retried begins anew."""
    if headers is not None:
        headers["enqueued_at"] = time.time()


def broker_answers(url: str) -> bool:
    """Whether Redis answers a PING within a second, with the password of the URL."""
    from redis.exceptions import RedisError

    try:
        return bool(_client(url).ping())
    except (RedisError, OSError):
        return False


@functools.cache
def _client(url: str) -> Any:
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis.from_url(
        url,
        socket_timeout=_TIMEOUT,
        socket_connect_timeout=_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def _short(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
