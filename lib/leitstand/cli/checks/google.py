"""What a first look at an environment on Google Cloud says."""

from collections.abc import Iterator
from pathlib import Path

from leitstand.cli.checks.keeping import check_directory
from leitstand.cloud.pulse import Pulse
from leitstand.core.doctor.answers import Answer
from leitstand.core.doctor.clock import judge_clock, skew_of
from leitstand.core.doctor.finding import Finding
from leitstand.core.doctor.people import judge_approvals, judge_sign_in
from leitstand.core.doctor.places import (
    KEEPING,
    LOCKING,
    judge_apis,
    judge_bucket,
    judge_endpoint,
    judge_found,
)
from leitstand.core.doctor.rights import (
    judge_account,
    judge_project,
    judge_rights,
    judge_secrets,
)
from leitstand.core.doctor.target import Target

__all__ = ["judge_pulse"]

_SHUT = "nicht geprüft; ohne Anmeldung ist nichts zu sehen"


def judge_pulse(target: Target, pulse: Pulse, home: Path) -> Iterator[Finding]:
    """Yield what the answers of a pulse mean, in the order in which they matter.

    Args:
        target: What was asked about.
        pulse: The answers; it is over.
        home: State directory, where stores without an address lie.
    """
    who, answers = pulse.who, pulse.answers
    yield judge_sign_in(who)
    yield from _present(judge_clock(skew_of(pulse.times)))
    if not answers:
        yield Finding("Google-Projekt", "warn", f"{target.project}: {_SHUT}")
        yield from _present(judge_approvals(target, who.name))
        return
    project = answers["project"]
    yield judge_project(target, project)
    if isinstance(project, Answer) and project.status not in {403, 404}:
        yield from _inside(target, pulse)
    yield from _stores(target, pulse, home)
    yield from _present(judge_approvals(target, who.name))


def _inside(target: Target, pulse: Pulse) -> Iterator[Finding]:
    """Yield what is to be seen in a project that can be reached."""
    answers = pulse.answers
    yield from _present(judge_rights(answers["project"]))
    if "account" in answers:
        yield from _present(judge_account(target, answers["account"]))
    secrets = {secret: answers[f"secret {secret}"] for secret in target.secrets}
    yield from _present(judge_secrets(secrets))
    if "apis" in answers:
        yield from _present(judge_apis(target.apis, answers["apis"]))
    for key, title, name in (
        ("database", "Datenbank", target.instance),
        ("redis", "Redis", target.redis),
    ):
        if key not in answers:
            continue
        endpoint = pulse.reached.get(key)
        if endpoint is not None:
            yield judge_endpoint(title, *endpoint, queue=key == "redis")
        else:
            yield from _present(judge_found(title, name, answers[key]))


def _stores(target: Target, pulse: Pulse, home: Path) -> Iterator[Finding]:
    for title, address, own, wanted in (
        ("Sperren", target.locks, "locks", LOCKING),
        *(("Offene Läufe", place, "", LOCKING) for place in [target.open_runs] if place),
        ("Belege", target.records, "records", KEEPING),
        *(("Anker", anchor, "", KEEPING) for anchor in target.anchors),
    ):
        if address.startswith("gs://"):
            bucket = address[5:].partition("/")[0]
            yield judge_bucket(title, bucket, wanted, pulse.answers[f"bucket {bucket}"])
        elif not address.startswith("git:"):
            yield check_directory(title, Path(address).expanduser() if address else home / own)


def _present(finding: Finding | None) -> Iterator[Finding]:
    if finding is not None:
        yield finding
