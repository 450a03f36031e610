"""Does the code that runs understand the schema that the database has?"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from leitstand.core.german import duration, listing
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.signals import Missing, Source
from leitstand.core.triage.symptoms import pooled
from leitstand.core.triage.view import Suspect, Talk, View
from leitstand.core.triage.way_back import (
    live_schema,
    migration_run,
    recovery,
    traffic_back,
    understands,
)

__all__ = ["incompatible_schemas"]


def incompatible_schemas(view: View) -> Iterator[Suspect]:
    """Yield one suspect for all services whose running code the schema does not fit."""
    live = live_schema(view)
    groups = view.groups(Talk.SCHEMA)
    strangers = {
        service.name: [r.name for r in service.revisions if _lost(r.percent, understands(r, live))]
        for service in view.services().values()
    }
    strangers = {name: revisions for name, revisions in strangers.items() if revisions}
    talking = [group.service for group in groups]
    harmed = _by_requests(view, [*strangers, *talking])
    if not harmed:
        return
    felt = min((group.first for group in groups), default=None) or view.onset(*harmed)
    evidence = [
        Evidence(
            f"{name} bedient mit {revision} Anfragen, versteht aber Version {live} des Schemas"
            " nicht.",
            Source.SERVICES,
        )
        for name, revisions in strangers.items()
        for revision in revisions
    ]
    evidence += view.lines(groups)
    migrated = migration_run(view, felt)
    if migrated is not None:
        run, ended = migrated
        evidence.append(
            Evidence(
                f"Die letzte Migration (Lauf {run}) endete vor {duration(view.ago(ended))}.",
                Source.RUNS,
                ended,
            )
        )
    against: tuple[Evidence, ...] = ()
    if groups and not strangers and live is not None and _all_understand(view, talking, live):
        against = (
            Evidence(
                f"Nach ihren Angaben verstehen alle laufenden Revisionen Version {live}.",
                Source.SERVICES,
            ),
        )
    hypothesis = Hypothesis(
        Cause.INCOMPATIBLE_SCHEMA,
        "Das Schema der Datenbank passt nicht zum laufenden Code",
        _strength(bool(strangers), bool(groups), bool(against), migrated is not None),
        tuple(evidence),
        against,
        _treatments(view, harmed, strangers, felt),
        f"Wer {listing(harmed)} nutzt: Was die geänderten Tabellen liest, scheitert.",
        began=migrated[1] if migrated is not None else felt,
    )
    yield Suspect(hypothesis, felt, frozenset(harmed))


def _lost(percent: int, understood: bool | None) -> bool:
    return percent > 0 and understood is False


def _all_understand(view: View, services: list[str], live: int) -> bool:
    known = view.services()
    ranges = [
        understands(revision, live)
        for name in services
        if name in known
        for revision in known[name].revisions
        if revision.percent > 0
    ]
    return bool(ranges) and all(ranges)


def _strength(catalogue: bool, lines: bool, against: bool, migrated: bool) -> float:
    if catalogue:
        return 1.0 if lines else 0.97
    strength = 0.9 if migrated else 0.8
    return 0.6 * strength if against else strength


def _treatments(
    view: View, harmed: Sequence[str], strangers: Mapping[str, Sequence[str]], felt: datetime | None
) -> tuple[Treatment, ...]:
    """Return the ways back: traffic first, since it loses nothing, then the database."""
    services = view.services()
    known = [services[name] for name in harmed if name in services]
    if not known:
        return ()
    back: list[Treatment] = []
    for service in known[:3]:
        serving = [revision.name for revision in service.revisions if revision.percent > 0]
        back += traffic_back(view, service, strangers.get(service.name, serving), newer=True)
    back += recovery(view, known[0].name, felt)
    text = "Zeigt, welcher Rückweg offen ist: Verkehr, Wiederherstellung oder keiner."
    return tuple(back) or (Treatment("rollback", {"service": known[0].name}, text),)


def _by_requests(view: View, names: Sequence[str]) -> list[str]:
    """Return services with those first that answer the most."""
    traffic = view.signals.traffic
    samples = {} if isinstance(traffic, Missing) else traffic
    asked = {name: pooled(samples.get(name, {}).values()).requests for name in names}
    return sorted(asked, key=lambda name: (-asked[name], name))
