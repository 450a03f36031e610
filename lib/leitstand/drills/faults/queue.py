"""More tasks than the workers manage."""

import json
import time

from leitstand.core.triage.hypotheses import Cause
from leitstand.drills.deploying import NotDeployed, await_operation
from leitstand.drills.drill import Drill
from leitstand.drills.scene import Scene

__all__ = ["DRILLS"]

_SERVICE, _QUEUE, _TASK = "worker", "celery", "slow"
_TASKS, _TASK_SECONDS = 2400, 0.06
"""Some minutes for one worker, and no more workers to clear it than a laptop can start."""
_SECONDS = 5.0


def _inject(scene: Scene) -> None:
    """Publish them with Celery, as the import of a customer's archive does."""
    from celery import Celery

    scene.state.note("scaling", dict(scene.run.scaling(scene.environment.service_name(_SERVICE))))
    with (
        Celery(broker=scene.redis_url, set_as_current=False) as app,
        app.connection_for_write() as connection,
        app.amqp.Producer(connection) as producer,
    ):
        for _ in range(_TASKS):
            app.send_task(
                _TASK,
                args=(_TASK_SECONDS,),
                queue=_QUEUE,
                headers={"enqueued_at": time.time()},
                producer=producer,
                ignore_result=True,
            )


def _recovered(scene: Scene) -> bool:
    """Whether no more wait than the environment file takes for ordinary."""
    from leitstand.database.queue import read_queues

    (found,) = read_queues(scene.redis_url, (_QUEUE,), timeout=_SECONDS)
    return found.length < scene.environment.triage.queue_length


def _clean(scene: Scene) -> None:
    """Take the tasks of the drill out of the queue, and no other; workers are as many as before."""
    from leitstand.database.queue import opened

    with opened(scene.redis_url, _SECONDS) as redis:
        waiting = redis.lrange(_QUEUE, 0, -1)
        pipeline = redis.pipeline(transaction=False)
        # The oldest lie at the end, where each is then found at once.
        for raw in reversed([raw for raw in waiting if _is_ours(raw)]):
            pipeline.lrem(_QUEUE, -1, raw)  # type: ignore[arg-type]  # bytes, as they came
        pipeline.execute()
    _scale_back(scene)


def _scale_back(scene: Scene) -> None:
    from leitstand.core.scaling.stated import same, stated

    before, name = scene.state.noted("scaling"), scene.environment.service_name(_SERVICE)
    if before is None or same(scene.run.scaling(name), before):
        return
    operation = scene.run.start_scaling(name, scene.run.service(name).etag, stated(before))
    problem = await_operation(scene, _SERVICE, operation)
    if problem:
        raise NotDeployed(_SERVICE, problem)


def _is_ours(raw: bytes | str) -> bool:
    try:
        return bool(json.loads(raw)["headers"]["task"] == _TASK)
    except (ValueError, KeyError, TypeError):
        return False


DRILLS = (
    Drill(
        name="queue-backlog",
        title="Dokumente tauchen erst spät auf",
        story=(
            "Ein Kunde hat am Morgen sein Archiv hochgeladen. Seitdem meldet der Alarm: Was andere"
            " Kunden einstellen, ist noch nach Minuten nicht zu finden. Die Seiten sind schnell."
        ),
        cause=Cause.QUEUE_BACKLOG,
        treatments=("scale",),
        inject=_inject,
        recovered=_recovered,
        clean=_clean,
    ),
)
