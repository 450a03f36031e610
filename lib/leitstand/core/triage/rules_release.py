"""Was it the release? A revision that answers worse than the one beside it or before it."""

from collections.abc import Iterator

from leitstand.core.german import duration, number, percent, sentence
from leitstand.core.health import Sample, lower_bound
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis
from leitstand.core.triage.signals import Missing, RevisionSignal, ServiceSignal, Source
from leitstand.core.triage.symptoms import is_over, pooled, upper_bound
from leitstand.core.triage.view import Suspect, View
from leitstand.core.triage.way_back import migration_run, recovery, traffic_back

__all__ = ["bad_releases"]

_LOG_FACTOR = 5
"""So many times the ordinary number of error lines speaks without any count of requests."""


_NO_WAY = (
    "Keine frühere Revision versteht das Schema der Datenbank: Es bleiben die Wiederherstellung"
    " oder ein neues Release mit der Korrektur."
)


def bad_releases(view: View) -> Iterator[Suspect]:
    """Yield one suspect for each service whose newest revision harms it."""
    for service in view.services().values():
        serving = [r for r in service.revisions if r.percent > 0]
        newest = service.revisions[0] if service.revisions else None
        if newest is not None and not newest.ready and newest.percent == 0:
            yield from _never_ready(view, service, newest)
        if serving and len(service.revisions) > 1:
            yield from _worse(view, service, serving)


def _worse(view: View, service: ServiceSignal, serving: list[RevisionSignal]) -> Iterator[Suspect]:
    revision, others = serving[0], serving[1:]
    traffic = view.signals.traffic
    samples = {} if isinstance(traffic, Missing) else traffic.get(service.name, {})
    now = samples.get(revision.name, Sample())
    beside = pooled(samples.get(other.name, Sample()) for other in others)
    before = _before(view, service, revision)
    evidence, strength, specific = _figures(view, revision, now, beside, before)
    logged = _lines(view, service.name, revision)
    recent = _is_recent(view, revision)
    if not evidence and not logged:
        return
    if not (specific or recent) or is_over(view.signals, view.policy, service.name, revision.name):
        return
    if not evidence:
        strength = 0.45
    changed: tuple[Evidence, ...] = (_made(view, revision),)
    against = list(_against(view, revision, now, beside, before, bool(evidence)))
    felt = view.onset(service.name)
    treatments = traffic_back(view, service, [revision.name])
    if not treatments and migration_run(view, felt) is not None:
        treatments = recovery(view, service.name, felt)
        changed += (Evidence(_NO_WAY, Source.SERVICES),)
    share = sum(r.percent for r in serving if r.name == revision.name)
    hypothesis = Hypothesis(
        Cause.BAD_RELEASE,
        f"Die neue Revision {revision.name} von {service.name} ist fehlerhaft",
        strength * (0.8 if against else 1.0),
        (*evidence, *logged, *changed),
        tuple(against),
        treatments,
        f"Wer {service.name} nutzt: {share} % der Anfragen gehen an diese Revision.",
        target=service.name,
        began=revision.created_at,
    )
    yield Suspect(hypothesis, felt, frozenset({service.name}), specific)


def _figures(
    view: View, revision: RevisionSignal, now: Sample, beside: Sample, before: Sample
) -> tuple[tuple[Evidence, ...], float, bool]:
    """Return the figures that speak against a revision, how strongly, and whether it is alone."""
    policy = view.policy
    if now.requests < policy.min_requests:
        return (), 0.0, False
    found: list[Evidence] = []
    strength, specific = 0.0, False
    if lower_bound(now.errors, now.requests) > policy.error_share:
        strength = 0.7
        text = (
            f"{revision.name} beantwortete {percent(now.error_rate)} von"
            f" {number(now.requests)} Anfragen mit einem Fehler"
        )
        if beside.requests >= policy.min_requests:
            specific = lower_bound(now.errors, now.requests) > upper_bound(
                beside.errors, beside.requests
            )
            strength = 0.95 if specific else 0.5
            text += f", die Revision daneben im selben Zeitraum {percent(beside.error_rate)}"
        elif before.requests >= policy.min_requests:
            text += f", die Revision davor {percent(before.error_rate)}"
        found.append(Evidence(f"{text}.", Source.TRAFFIC))
    reference = beside if beside.requests >= policy.min_requests else before
    if (
        not _is_cold(view, revision)
        and now.latency_p95_ms
        and reference.latency_p95_ms
        and reference.requests >= policy.min_requests
    ):
        slow = now.latency_p95_ms > max(
            policy.latency_floor_ms, policy.latency_ratio * reference.latency_p95_ms
        )
        if slow:
            specific = specific or reference is beside
            strength = max(strength, 0.85 if reference is beside else 0.6)
            found.append(
                Evidence(
                    f"Die Latenz p95 von {revision.name} liegt bei"
                    f" {number(round(now.latency_p95_ms))} ms, sonst bei"
                    f" {number(round(reference.latency_p95_ms))} ms.",
                    Source.TRAFFIC,
                )
            )
    return tuple(found), strength, specific


def _against(
    view: View,
    revision: RevisionSignal,
    now: Sample,
    beside: Sample,
    before: Sample,
    counted: bool,
) -> Iterator[Evidence]:
    policy = view.policy
    if not counted and now.requests >= policy.min_requests:
        yield Evidence(
            f"Nach Cloud Monitoring antwortet {revision.name} nicht schlechter als sonst"
            f" ({percent(now.error_rate)} Fehler).",
            Source.TRAFFIC,
        )
    for name, sample in (("davor", before), ("daneben", beside)):
        if counted and sample.requests >= policy.min_requests:
            chronic = lower_bound(sample.errors, sample.requests) > policy.error_share
            if chronic and upper_bound(sample.errors, sample.requests) >= now.error_rate:
                yield Evidence(
                    f"Auch die Revision {name} hatte {percent(sample.error_rate)} Fehler.",
                    Source.TRAFFIC,
                )
    for change in view.changes("maintenance_mode"):
        if revision.created_at is not None and change.at >= revision.created_at:
            yield Evidence(
                "Der Wartungsmodus wurde geschaltet; er beantwortet Anfragen mit 503.",
                Source.RUNS,
                change.at,
            )
            break


def _never_ready(view: View, service: ServiceSignal, revision: RevisionSignal) -> Iterator[Suspect]:
    problem = revision.problem or service.problem
    if not problem or revision.created_at is None or not _is_recent(view, revision):
        return
    if view.ago(revision.created_at) < view.policy.slack_seconds:
        return  # it may still be starting
    serving = next((r for r in service.revisions if r.percent > 0 and r.ready), None)
    treatments = traffic_back(view, service, [revision.name])
    hypothesis = Hypothesis(
        Cause.BAD_RELEASE,
        f"Die neue Revision {revision.name} von {service.name} startet nicht",
        0.6,
        (
            Evidence(
                f"{revision.name} ist nicht bereit: {sentence(problem)}",
                Source.SERVICES,
                revision.created_at,
            ),
            _made(view, revision),
        ),
        (),
        treatments,
        f"Noch niemand: {serving.name} bedient den Verkehr. Das Release kommt nicht voran."
        if serving
        else f"Alle, die {service.name} nutzen: Keine Revision ist bereit.",
        target=service.name,
        began=revision.created_at,
    )
    yield Suspect(hypothesis, revision.created_at, frozenset({service.name}))


def _before(view: View, service: ServiceSignal, revision: RevisionSignal) -> Sample:
    """Return what earlier revisions answered: before the incident, else before this one took over.

    After a way back the newer one was there before as well, and is no measure.
    """
    baseline, traffic = view.signals.baseline, view.signals.traffic
    made = {r.name: r.created_at for r in service.revisions}
    later = {
        name
        for name, at in made.items()
        if at is not None and revision.created_at is not None and at > revision.created_at
    } | {revision.name}
    earlier = {} if isinstance(baseline, Missing) else baseline.get(service.name, {})
    found = pooled(sample for name, sample in earlier.items() if name not in later)
    if found.requests >= view.policy.min_requests or isinstance(traffic, Missing):
        return found
    aside = later | {r.name for r in service.revisions if r.percent > 0}
    replaced = traffic.get(service.name, {}).items()
    return pooled(sample for name, sample in replaced if name not in aside)


def _lines(view: View, service: str, revision: RevisionSignal) -> tuple[Evidence, ...]:
    """Return error lines that nearly all come from this revision, if they are very many."""
    errors = view.signals.errors
    if isinstance(errors, Missing):
        return ()
    own = [g for g in errors if g.service == service and revision.name in g.revisions]
    total = sum(sum(g.revisions.values()) for g in own)
    mine = sum(g.revisions[revision.name] for g in own)
    if mine < _LOG_FACTOR * view.policy.error_lines or mine < 0.9 * total:
        return ()
    if min((view.ago(g.last) for g in own), default=0.0) > view.policy.recent_seconds:
        return ()
    return view.lines(sorted(own, key=lambda g: (-g.count, g.pattern)))


def _is_cold(view: View, revision: RevisionSignal) -> bool:
    """Return whether its latency may still be that of its instances' first requests."""
    if revision.created_at is None:
        return False
    return view.ago(revision.created_at) < view.policy.recent_seconds + view.policy.slack_seconds


def _is_recent(view: View, revision: RevisionSignal) -> bool:
    if revision.created_at is None:
        return False
    since = view.signals.since.timestamp() - view.policy.change_seconds
    return revision.created_at.timestamp() >= since


def _made(view: View, revision: RevisionSignal) -> Evidence:
    if revision.created_at is None:
        return Evidence(f"{revision.name} ist die neueste Revision.", Source.SERVICES)
    return Evidence(
        f"{revision.name} entstand vor {duration(view.ago(revision.created_at))}.",
        Source.SERVICES,
        revision.created_at,
    )
