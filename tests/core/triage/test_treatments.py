"""Each treatment names a runbook that exists, with parameters that it takes, filled in."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leitstand.core.health import Sample
from leitstand.core.parameters import check_parameters
from leitstand.core.triage.hypotheses import Cause, Hypothesis
from leitstand.core.triage.ranking import rank
from leitstand.core.triage.signals import GatewaySignal, QueueSignal, SecretSignal, Signals
from leitstand.notebook.template import read_template
from tests.core.triage.made import (
    POLICY,
    ago,
    database,
    failing,
    healthy,
    lines,
    locked,
    revision,
    run,
    secret,
    service,
)
from tests.core.triage.test_ranking import BACKLOG, CASES, COMBINED, MISSING_COLUMN, QUOTA

RUNBOOKS = Path(__file__).resolve().parents[3] / "runbooks"
FAULTS: list[tuple[str, dict[str, Any]]] = [
    *((case, changed) for case, changed, _ in CASES),
    *((case, changed) for case, changed, *_ in COMBINED),
]


def first(signals: Signals) -> Hypothesis:
    return rank(signals, POLICY, quota=(600, 1200))[0]


@pytest.mark.parametrize(("case", "changed"), FAULTS, ids=[case for case, _ in FAULTS])
def test_a_treatment_can_be_started_as_it_is(case: str, changed: dict[str, Any]) -> None:
    for treatment in first(healthy(**changed)).treatments:
        template = read_template(RUNBOOKS / f"{treatment.runbook}.ipynb")
        given = {"env": "prod", "ticket": "T-1", **treatment.parameters}
        checked = check_parameters(template.parameters, given)
        assert set(treatment.parameters) <= set(checked)
        assert treatment.text.endswith(".")


def treatments(**changed: Any) -> list[tuple[str, dict[str, object]]]:
    return [(t.runbook, dict(t.parameters)) for t in first(healthy(**changed)).treatments]


def web(*revisions: Any) -> dict[str, Any]:
    return {"web": service("web", *revisions)}


def test_a_bad_release_goes_back_to_the_revision_before() -> None:
    bad = failing(since=500, age=520)
    assert [("rollback", {"service": "web", "revision": "web-00001"})] == treatments(**bad)


def test_a_revision_whose_secret_is_disabled_is_no_way_back() -> None:
    old = revision("web-00001", secrets={"database-url": "0"})
    good = revision("web-00000")
    signals = {
        **failing(since=500, age=520),
        "services": web(revision("web-00002", 100, 520), old, good),
        "secrets": [SecretSignal("database-url", {"0": "DISABLED", "1": "ENABLED"}, {})],
    }
    assert [("rollback", {"service": "web", "revision": "web-00000"})] == treatments(**signals)


def test_a_bad_release_whose_forerunner_lost_its_schema_goes_back_with_the_database() -> None:
    signals = {
        **failing(since=500, age=520),
        "services": web(
            revision("web-00002", 100, 520, schema=(3, 4)), revision("web-00001", schema=(1, 2))
        ),
        "database": database(schema_version=4),
        "runs": [run("20261126-032000-migrate-3f9a", 600)],
    }
    expected = {"service": "web", "before_run": "20261126-032000-migrate-3f9a"}
    assert [("rollback", expected)] == treatments(**signals)
    assert any("Keine frühere Revision" in e.text for e in first(healthy(**signals)).evidence)


def test_code_that_lost_its_schema_makes_way_for_code_that_knows_it_before_any_recovery() -> None:
    signals = {
        "services": web(
            revision("web-00003", 0, 100, schema=(3, 4)),
            revision("web-00002", 100, schema=(1, 3)),
        ),
        "database": database(schema_version=4),
        "errors": [MISSING_COLUMN],
        "runs": [run("20261126-033000-migrate-3f9a", 120)],
    }
    assert [
        ("rollback", {"service": "web", "revision": "web-00003"}),
        ("rollback", {"service": "web", "before_run": "20261126-033000-migrate-3f9a"}),
    ] == treatments(**signals)


def test_without_a_known_migration_the_database_goes_back_to_before_the_first_error() -> None:
    signals = {
        "services": web(revision("web-00002", 100, schema=(1, 2))),
        "database": database(schema_version=4),
        "errors": [lines(MISSING_COLUMN.pattern, since=100)],
    }
    expected = {"service": "web", "target": ago(100 + POLICY.slack_seconds).isoformat()}
    assert [("rollback", expected)] == treatments(**signals)


def test_a_lock_is_ended_at_the_session_that_holds_it_and_only_in_that_transaction() -> None:
    expected = {"pid": 4711, "started_at": ago(180).isoformat()}
    assert [("end_session", expected)] == treatments(database=locked())


def test_a_lock_says_who_waits_how_long_for_what() -> None:
    assert (
        "12 Sitzungen warten seit 40 s auf eine Sperre auf public.documents; gehalten von"
        " pid 4711 (web, idle in transaction seit 3 min)."
    ) == first(healthy(database=locked())).evidence[0].text


def test_a_backlog_gets_workers_by_its_length() -> None:
    assert [
        ("scale", {"service": "worker", "instances": 0}),
        ("pause_queue", {"action": "pause"}),
    ] == treatments(queue=BACKLOG)


def test_a_backlog_that_follows_is_worked_off_after_its_cause() -> None:
    lock = {"database": locked(12, 200), "queue": QueueSignal("celery", 900, 190, 2)}
    last = first(healthy(**lock)).treatments[-1]
    assert ("scale", True) == (last.runbook, last.text.startswith("Danach: "))


QUOTAS: list[tuple[str, GatewaySignal, int]] = [
    ("below the file's, which would do", QUOTA, 0),
    ("the file's, which does not do", GatewaySignal(12_000, 3000, 0, 600), 1000),
    ("more than the provider grants", GatewaySignal(90_000, 80_000, 0, 600), 1200),
]


def test_a_quota_that_the_provider_does_not_raise_is_not_raised() -> None:
    most = GatewaySignal(90_000, 80_000, 0, 1200)
    assert [("pause_queue", {"action": "pause"})] == treatments(gateway=most)


def test_a_secret_that_expires_gets_no_new_version_which_would_expire_with_it() -> None:
    expiring = [secret(expires_at=ago(-2 * 86_400))]
    assert [("provision", {})] == treatments(secrets=expiring)


def test_a_service_that_was_deleted_is_made_again() -> None:
    gone = replace(service("web"), ready=False, problem="Den Dienst gibt es nicht.")
    assert [("provision", {})] == treatments(services={"web": gone})


PAUSE = run("20261126-033000-pause_queue-3f9a", 120)


def halted(name: str, **fields: Any) -> Any:
    return service(name, revision(f"{name}-1", 100, **fields), instances=(1, 1, 0), wanted=(1, 1))


def test_a_queue_that_was_paused_is_resumed_and_the_pause_speaks_against_a_fault() -> None:
    paused = {"worker": halted("worker"), "beat": halted("beat")}
    signals = healthy(services=paused, queue=replace(BACKLOG, workers=0), runs=[PAUSE])
    (found,) = rank(signals, POLICY)
    assert ("pause_queue", {"action": "resume"}) == (
        found.treatments[0].runbook,
        found.treatments[0].parameters,
    )
    assert [PAUSE.run in evidence.text for evidence in found.against] == [True]


def test_a_beat_that_was_paused_and_cannot_start_is_resumed_and_never_scaled() -> None:
    beat = halted("beat", ready=False, problem="x")
    (found,) = rank(healthy(services={"beat": beat}, runs=[PAUSE]), POLICY)
    assert ("pause_queue", {"action": "resume"}) in [
        (t.runbook, t.parameters) for t in found.treatments
    ]
    assert [True] == [PAUSE.run in evidence.text for evidence in found.against]


REFUSED = [
    ('password authentication failed for user "app"', "database-url"),
    ("WRONGPASS invalid username-password pair", "redis-url"),
    ("redis.exceptions.AuthenticationError: invalid username-password pair", "redis-url"),
    ("redis.exceptions.AuthenticationError: Authentication required.", "redis-url"),
]


@pytest.mark.parametrize(("text", "name"), REFUSED, ids=[text for text, _ in REFUSED])
def test_the_secret_of_a_refused_password_is_the_one_of_the_environment_file(
    text: str, name: str
) -> None:
    other = secret("data-of-redis")
    signals = healthy(errors=[lines(text)], secrets=[other, secret(), secret("redis-url")])
    (found,) = rank(signals, POLICY, database_secret="database-url", redis_secret="redis-url")
    assert [("rotate_secret", {"secret": name})] == [
        (t.runbook, t.parameters) for t in found.treatments
    ]
    assert ["deviations"] == [t.runbook for t in rank(signals, POLICY)[0].treatments]


@pytest.mark.parametrize(("case", "gateway", "wanted"), QUOTAS, ids=[c for c, *_ in QUOTAS])
def test_the_quota_is_set_to_what_suffices(case: str, gateway: GatewaySignal, wanted: int) -> None:
    assert ("litellm_quota", {"requests_per_minute": wanted}) == treatments(gateway=gateway)[0]


def test_a_disabled_secret_is_enabled_again() -> None:
    (found,) = first(healthy(secrets=[secret(state="DISABLED")])).treatments
    assert ("rotate_secret", {"secret": "database-url"}) == (found.runbook, found.parameters)
    assert "Aktiviert Version 1" in found.text


def test_a_disabled_secret_of_a_new_revision_alone_is_enabled_by_hand_before_its_release() -> None:
    new = revision("web-00003", 0, 60, ready=False, problem="x", secrets={"database-url": "2"})
    (found, *_) = first(
        healthy(
            services=web(new, revision("web-00002", 100)),
            secrets=[replace(secret(), states={"1": "ENABLED", "2": "DISABLED"})],
        )
    ).treatments
    assert ("release", {"service": "web", "image": "web:1.0.0"}) == (
        found.runbook,
        found.parameters,
    )
    assert "nachdem Sie Version 2 von database-url von Hand aktiviert haben" in found.text


def test_an_old_version_that_is_disabled_while_others_read_a_newer_one_is_replaced() -> None:
    split = replace(
        secret(), states={"1": "DISABLED", "2": "ENABLED"}, used={"web": "1", "worker": "2"}
    )
    (found,) = first(healthy(secrets=[split])).treatments
    assert "Legt eine neue Version von database-url an" in found.text


def test_a_slow_canary_is_compared_with_the_revision_beside_it() -> None:
    signals = healthy(
        services=web(revision("web-00003", 50, 500), revision("web-00002", 50)),
        traffic={"web": {"web-00003": Sample(900, 0, 1900.0), "web-00002": Sample(900, 0, 200.0)}},
    )
    found = first(signals)
    assert Cause.BAD_RELEASE is found.cause
    assert "1.900 ms, sonst bei 200 ms" in found.evidence[0].text
