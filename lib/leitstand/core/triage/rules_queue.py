"""Do tasks pile up: too few workers, none at all, or no memory left to queue them in?"""

from collections.abc import Iterator
from datetime import timedelta

from leitstand.core.german import capacity, count, duration, percent
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.signals import Missing, QueueSignal, ServiceSignal, Source
from leitstand.core.triage.view import Suspect, Talk, View

__all__ = [
    "PAUSE",
    "RESUME",
    "paused_by",
    "queue_backlogs",
    "redis_down",
    "redis_full",
    "workers_missing",
]

_WORKER = "worker"
_LATE = "Wer auf Aufgaben im Hintergrund wartet: Einbettungen und E-Mails kommen spät."
PAUSE = Treatment(
    "pause_queue",
    {"action": "pause"},
    "Hält die Warteschlange und beat an, damit nichts mehr hinzukommt; es geht nichts verloren.",
)
RESUME = Treatment(
    "pause_queue", {"action": "resume"}, "Lässt erst den Worker und dann beat wieder arbeiten."
)
_SCALE = Treatment(
    "scale",
    {"service": _WORKER, "instances": 0},
    "Gibt der Warteschlange so viele Worker, wie ihre Länge verlangt und die Umgebung erlaubt.",
)


def queue_backlogs(view: View) -> Iterator[Suspect]:
    """Yield a suspect if many tasks wait too long, or a single one waits far too long."""
    queue = view.signals.queue
    if isinstance(queue, Missing) or not _piled_up(view, queue):
        return
    oldest = queue.oldest_seconds
    began = None if oldest is None else view.signals.at - timedelta(seconds=oldest)
    over = queue.length / view.policy.queue_length
    yield Suspect(
        Hypothesis(
            Cause.QUEUE_BACKLOG,
            f"In der Warteschlange {queue.name} stauen sich Aufgaben",
            min(0.8, 0.55 + 0.05 * over),
            (Evidence(_waiting(queue), Source.QUEUE, began),),
            (),
            (_SCALE, PAUSE),
            _LATE,
            target=queue.name,
            began=began,
        ),
        began,
    )


def workers_missing(view: View) -> Iterator[Suspect]:
    """Yield a suspect if tasks wait and no worker runs, or workers were set to none by hand."""
    queue = view.signals.queue
    if isinstance(queue, Missing) or queue.workers > 0:
        return
    worker = view.services().get(_WORKER)
    waits = (queue.oldest_seconds or 0.0) >= view.policy.queue_seconds
    if not (queue.length and (waits or queue.length >= view.policy.queue_length)):
        return
    evidence = [Evidence(f"Kein Worker läuft. {_waiting(queue)}", Source.QUEUE)]
    halted = [s for s in (worker, view.services().get("beat")) if s is not None and _halted(s)]
    if worker in halted:
        evidence.append(
            Evidence("Die Zahl der Worker ist von Hand auf 0 gestellt.", Source.SERVICES)
        )
    against = () if worker is None else paused_by(view, worker)
    oldest = queue.oldest_seconds
    began = None if oldest is None else view.signals.at - timedelta(seconds=oldest)
    fewest = 1 if worker is None else max(1, worker.wanted[0])
    scale = Treatment(
        "scale",
        {"service": _WORKER, "instances": fewest},
        f"Stellt {count(fewest, 'einen Worker', 'Worker')} bereit.",
    )
    yield Suspect(
        Hypothesis(
            Cause.WORKERS_MISSING,
            "Es laufen keine Worker",
            0.4 if against else 0.8,
            tuple(evidence),
            against,
            # After a scaling beat would still stand.
            (RESUME if against or len(halted) > 1 else scale,),
            _LATE,
            target=_WORKER,
            began=began,
        ),
        began,
    )


def paused_by(view: View, service: ServiceSignal) -> tuple[Evidence, ...]:
    """Return as evidence the run that halted a worker or beat; none where it is not halted."""
    paused = next(iter(view.changes("pause_queue")), None)
    if paused is None or not _halted(service):
        return ()
    text = f"Ein Lauf von pause_queue hat {service.name} angehalten ({paused.run})."
    return (Evidence(text, Source.RUNS, paused.at),)


def redis_full(view: View) -> Iterator[Suspect]:
    """Yield a suspect if Redis refuses writes, or is nearly full and would refuse them."""
    redis, groups = view.signals.redis, view.groups(Talk.REDIS_FULL)
    evidence: list[Evidence] = []
    against: tuple[Evidence, ...] = ()
    share, refused, evicts = 0.0, False, False
    if not isinstance(redis, Missing):
        share = min(1.0, redis.used_bytes / redis.max_bytes) if redis.max_bytes else 0.0
        evicts = redis.policy != "noeviction"
        refused = redis.writes_refused and not evicts
        if redis.max_bytes:
            figure = Evidence(
                f"Redis nutzt {capacity(redis.used_bytes)} von {capacity(redis.max_bytes)}"
                f" ({percent(share)}), Regel {redis.policy}.",
                Source.REDIS,
            )
            full = refused or share >= view.policy.redis_share
            evidence += [figure] if full else []
            against = () if full else (figure,)
        if refused:
            evidence.append(Evidence("Redis lehnt jedes Schreiben ab.", Source.REDIS))
    near = share >= view.policy.redis_share and not evicts
    if not (near or refused or groups):
        return
    acute = refused or bool(groups)
    first = min((group.first for group in groups), default=None)
    over = max(0.0, share - view.policy.redis_share) / (1 - view.policy.redis_share)
    strength = (1.0 if refused else 0.8) if acute else 0.5 + 0.5 * min(1.0, over)
    yield Suspect(
        Hypothesis(
            Cause.REDIS_FULL,
            "Redis hat keinen Speicher mehr" if acute else "Der Speicher von Redis wird knapp",
            0.5 if against else strength,
            (*evidence, *view.lines(groups), *view.felt()[:1]),
            against,
            _relief(view),
            "Alle, die Aufgaben auslösen: Web kann nichts mehr einreihen."
            if acute
            else "Noch niemand. Ist der Speicher voll, kann Web nichts mehr einreihen.",
            began=first,
            acute=acute,
        ),
        first,
    )


def redis_down(view: View) -> Iterator[Suspect]:
    """Yield a suspect if services say that they cannot reach Redis."""
    groups = view.groups(Talk.REDIS)
    if not groups:
        return
    redis = view.signals.redis
    against: tuple[Evidence, ...] = ()
    if not isinstance(redis, Missing):
        against = (Evidence("Redis antwortet auf die Diagnose.", Source.REDIS),)
    first = min(group.first for group in groups)
    yield Suspect(
        Hypothesis(
            Cause.REDIS_DOWN,
            "Redis ist nicht erreichbar",
            0.5 if against else 0.9,
            view.lines(groups),
            against,
            (Treatment("deviations", {}, "Zeigt, was an Memorystore und am Netz abweicht."),),
            "Alle, die Aufgaben auslösen oder auf sie warten.",
            began=first,
        ),
        first,
    )


def _relief(view: View) -> tuple[Treatment, ...]:
    """Return what gives Redis memory again: tasks that are done, or a larger instance."""
    larger = Treatment(
        "provision",
        {},
        "Gibt Memorystore mehr Speicher, nachdem memory_size_gb in der Umgebungsdatei erhöht ist.",
    )
    drain = Treatment(
        "pause_queue",
        {"action": "drain"},
        "Nimmt nichts Neues an und arbeitet ab, was wartet: Das gibt Speicher frei.",
    )
    queue = view.signals.queue
    if not isinstance(queue, Missing) and queue.length >= view.policy.queue_length:
        return (drain, _SCALE, larger)
    return (larger, drain)


def _halted(service: ServiceSignal) -> bool:
    return service.instances[2] == 0


def _piled_up(view: View, queue: QueueSignal) -> bool:
    policy, oldest = view.policy, queue.oldest_seconds
    many = queue.length >= policy.queue_length
    if many and (oldest is None or oldest >= policy.queue_seconds):
        return True
    return queue.length > 0 and oldest is not None and oldest >= policy.queue_stuck_seconds


def _waiting(queue: QueueSignal) -> str:
    text = count(queue.length, "Eine Aufgabe wartet", "Aufgaben warten")
    if queue.oldest_seconds is not None:
        text += f", die älteste seit {duration(queue.oldest_seconds)}"
    return f"{text}; verlangt: {count(queue.workers, 'ein Worker', 'Worker')}."
