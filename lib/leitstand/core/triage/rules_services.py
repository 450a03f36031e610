"""Does a service run at all, and can it read the secrets it needs?"""

from collections.abc import Iterator

from leitstand.core.german import count, listing, sentence
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.rules_queue import RESUME, paused_by
from leitstand.core.triage.signals import Missing, SecretSignal, ServiceSignal, Source
from leitstand.core.triage.view import Suspect, Talk, View
from leitstand.core.triage.way_back import traffic_back, unusable

__all__ = ["secrets_unusable", "services_down"]

_QUEUE_SERVICES = frozenset({"worker", "beat"})
_STATES = {"DISABLED": "deaktiviert", "DESTROYED": "vernichtet"}


def services_down(view: View) -> Iterator[Suspect]:
    """Yield a suspect for each service that is gone, or of which no revision can serve.

    A worker or beat that was set to none by hand is judged by its queue: that is how one pauses it.
    """
    for service in view.services().values():
        if not service.revisions and service.problem:
            yield _gone(service)
            continue
        serving = [r for r in service.revisions if r.percent > 0]
        broken = [r for r in serving if not r.ready]
        pausable = service.name in _QUEUE_SERVICES
        stopped = service.instances[2] == 0 and service.wanted[0] > 0 and not pausable
        if not stopped and (not serving or len(broken) < len(serving)):
            continue
        evidence = [
            Evidence(
                f"{r.name} ist nicht bereit: {sentence(r.problem or service.problem)}",
                Source.SERVICES,
            )
            for r in broken
            if r.problem or service.problem
        ]
        if stopped:
            text = f"Die Zahl der Instanzen von {service.name} ist von Hand auf 0 gestellt."
            evidence.append(Evidence(text, Source.SERVICES))
        if evidence:
            yield _down(view, service, evidence, stopped)


def _down(view: View, service: ServiceSignal, evidence: list[Evidence], stopped: bool) -> Suspect:
    fewest = service.wanted[0]
    if stopped:
        text = f"Stellt {count(fewest, 'eine Instanz', 'Instanzen')} von {service.name} bereit."
        parameters = {"service": service.name, "instances": fewest}
        treatments: tuple[Treatment, ...] = (Treatment("scale", parameters, text),)
    else:
        away = [r.name for r in service.revisions if r.percent > 0]
        treatments = traffic_back(view, service, away, newer=True)
    against = paused_by(view, service) if service.name in _QUEUE_SERVICES else ()
    if against:
        treatments = (*treatments, RESUME)
    deviations = Treatment("deviations", {}, "Zeigt, was an der Umgebung abweicht.")
    return Suspect(
        Hypothesis(
            Cause.SERVICE_DOWN,
            f"{service.name} läuft nicht",
            0.4 if against else 0.75,
            (*evidence, *view.felt(service.name)),
            against,
            (*treatments, deviations),
            f"Alle, die {service.name} nutzen.",
            target=service.name,
            began=view.onset(service.name),
        ),
        view.onset(service.name),
        frozenset({service.name}),
    )


def _gone(service: ServiceSignal) -> Suspect:
    """Return the suspect of a service without a revision, which nothing else explains."""
    text = f"{service.name} hat keine Revision: {sentence(service.problem)}"
    create = Treatment(
        "provision", {}, f"Legt {service.name} so an, wie die Umgebungsdatei es verlangt."
    )
    return Suspect(
        Hypothesis(
            Cause.SERVICE_DOWN,
            f"{service.name} läuft nicht",
            0.75,
            (Evidence(text, Source.SERVICES),),
            (),
            (create,),
            f"Alle, die {service.name} nutzen.",
            target=service.name,
        ),
        None,
        frozenset({service.name}),
        specific=True,
    )


def secrets_unusable(view: View) -> Iterator[Suspect]:
    """Yield a suspect for each secret of which a version in use cannot be read.

    In use is what a revision with traffic or a job has pinned, or the newest revision.
    """
    found = _pinned(view)
    secrets = view.signals.secrets
    known = {} if isinstance(secrets, Missing) else {secret.name: secret for secret in secrets}
    for (name, version), (state, users) in sorted(found.items()):
        yield _unusable(view, known[name], version, state, sorted(users))
    if not found:
        yield from _refused(view)


def _pinned(view: View) -> dict[tuple[str, str], tuple[str, set[str]]]:
    found: dict[tuple[str, str], tuple[str, set[str]]] = {}
    if isinstance(view.signals.secrets, Missing):
        return found
    for secret in view.signals.secrets:
        for user, version in secret.used.items():
            state = secret.states.get(version, "DESTROYED")
            if state != "ENABLED" and version != "latest":
                found.setdefault((secret.name, version), (state, set()))[1].add(user)
    for service in view.services().values():
        for place, revision in enumerate(service.revisions):
            if revision.percent > 0 or (place == 0 and not revision.ready):
                for name, version, state in unusable(view, revision):
                    found.setdefault((name, version), (state, set()))[1].add(service.name)
    return found


def _unusable(
    view: View, secret: SecretSignal, version: str, state: str, users: list[str]
) -> Suspect:
    services = view.services()
    harmed = frozenset(user.partition(" (")[0] for user in users)
    failing = [
        Evidence(f"{r.name} ist nicht bereit: {sentence(r.problem)}", Source.SERVICES, r.created_at)
        for user in sorted(harmed)
        if user in services
        for r in services[user].revisions[:1]
        if not r.ready and r.problem
    ]
    enabled = sorted((v for v, s in secret.states.items() if s == "ENABLED"), key=_order)
    spare = f"; aktiv ist Version {listing(enabled)}" if enabled else ""
    changes = [change for change in view.changes(secret.name) if view.ago(change.at) >= 0]
    began = next((change.at for change in changes if change.kind == "run"), None)
    evidence = (
        Evidence(
            f"Version {version} von {secret.name} ist {_STATES.get(state, state)}, genutzt wird sie"
            f" von {listing(users)}{spare}.",
            Source.SECRETS,
            began,
        ),
        *failing,
        *(
            Evidence(
                f"{secret.name}: {sentence(change.text)}",
                Source.RUNS if change.kind == "run" else Source.OPERATIONS,
                change.at,
            )
            for change in changes[:1]
        ),
    )
    hypothesis = Hypothesis(
        Cause.SECRET_UNUSABLE,
        f"Das Secret {secret.name} ist nicht lesbar",
        1.0 if failing else 0.9,
        evidence,
        (),
        (_readable(view, secret, version, state),),
        f"Wer {listing(users)} nutzt: Neue Instanzen und Revisionen starten nicht.",
        target=secret.name,
        began=began,
    )
    return Suspect(hypothesis, view.onset(*harmed), harmed)


def _refused(view: View) -> Iterator[Suspect]:
    """Yield a suspect if a server refuses the password that services have."""
    groups = view.groups(Talk.LOGIN)
    if not groups:
        return
    secrets = view.signals.secrets
    # redis-py takes WRONGPASS and NOAUTH off what the server says; PostgreSQL's words stay.
    postgres = "password authentication failed" in groups[0].example.lower()
    named = view.database_secret if postgres else view.redis_secret
    used = [
        secret.name
        for secret in (() if isinstance(secrets, Missing) else secrets)
        if secret.name == named
        and groups[0].service in {user.partition(" (")[0] for user in secret.used}
    ]
    first = min(group.first for group in groups)
    treatment = (
        _rotate(used[0])
        if used
        else Treatment("deviations", {}, "Zeigt, was an Secrets und Nutzern abweicht.")
    )
    yield Suspect(
        Hypothesis(
            Cause.SECRET_UNUSABLE,
            "Ein Kennwort wird abgelehnt",
            0.8,
            view.lines(groups),
            (),
            (treatment,),
            f"Wer {groups[0].service} nutzt.",
            target=used[0] if used else "",
            began=first,
        ),
        first,
        frozenset(group.service for group in groups),
    )


def _readable(view: View, secret: SecretSignal, version: str, state: str) -> Treatment:
    """Return what gives the users of a version one that they can read.

    ``rotate_secret`` enables only the newest version that is served with. One that just a new
    revision has pinned is enabled by hand, and the revision made again.
    """
    services = view.services().values()
    serving = [revision for s in services for revision in s.revisions if revision.percent > 0]
    used = {*secret.used.values(), *(r.secrets.get(secret.name, "") for r in serving)}
    if state != "DISABLED" or (version in used and version != max(used, key=_order)):
        return _rotate(secret.name)
    if version in used:
        text = f"Aktiviert Version {version} von {secret.name} wieder."
        return Treatment("rotate_secret", {"secret": secret.name}, text)
    for service in services:
        for revision in service.revisions[:1]:
            if revision.secrets.get(secret.name) == version:
                image = revision.image.rsplit("/", 1)[-1].partition("@")[0]
                text = (
                    f"Rollt {service.name} neu aus, nachdem Sie Version {version} von"
                    f" {secret.name} von Hand aktiviert haben."
                )
                return Treatment("release", {"service": service.name, "image": image}, text)
    return _rotate(secret.name)


def _rotate(secret: str) -> Treatment:
    text = f"Legt eine neue Version von {secret} an und stellt alle Dienste um, die sie nutzen."
    return Treatment("rotate_secret", {"secret": secret}, text)


def _order(version: str) -> tuple[int, str]:
    return (int(version) if version.isdecimal() else 0, version)
