"""What the APIs' answers become: pure, from their JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

from leitstand.configuration import load_environment
from leitstand.core.health import Sample
from leitstand.core.schema import SchemaRange
from leitstand.core.triage.signals import Change, SecretSignal
from leitstand.execution.triage.changes import instance_changes, revision_changes
from leitstand.execution.triage.secrets import Vault, secret_signals
from leitstand.execution.triage.services import Estate, service_signals
from leitstand.execution.triage.traffic import Counts, Windows, counts_of

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
ENVIRONMENT = load_environment("sandbox")


def revision(name: str, minute: int, **pins: str) -> dict[str, Any]:
    env = [
        {"name": secret.upper(), "valueSource": {"secretKeyRef": {"secret": secret, "version": v}}}
        for secret, v in pins.items()
    ]
    return {
        "name": f"projects/p/locations/r/services/web/revisions/{name}",
        "createTime": f"2026-11-26T11:{minute:02}:00Z",
        "containers": [{"image": "r/leitstand/web:1.1.0@sha256:ab", "env": env}],
        "conditions": [{"type": "Ready", "state": "CONDITION_SUCCEEDED"}],
        "annotations": {"leitstand.dev/schema-min": "1", "leitstand.dev/schema-max": "3"},
    }


def web(**percents: int) -> dict[str, Any]:
    return {
        "name": "projects/p/locations/r/services/web",
        "terminalCondition": {"state": "CONDITION_SUCCEEDED"},
        "latestReadyRevision": "projects/p/locations/r/services/web/revisions/r2",
        "trafficStatuses": [{"revision": r, "percent": p} for r, p in percents.items()],
        "scaling": {"minInstanceCount": 2, "scalingMode": "MANUAL", "manualInstanceCount": 5},
        "template": {"scaling": {"maxInstanceCount": 10}},
    }


def estate(**percents: int) -> Estate:
    revisions = [revision(f"r{n}", n, url=str(1 + n % 2)) for n in range(8)]
    return Estate({"web": web(**percents)}, tuple(revisions))


def test_a_service_shows_the_revisions_with_traffic_and_the_newest_four() -> None:
    found = service_signals(estate(r1=90, r7=10), ENVIRONMENT)["web"]
    shown = [(r.name, r.percent, r.schema) for r in found.revisions]
    assert [("r7", 10), ("r6", 0), ("r5", 0), ("r4", 0), ("r1", 90)] == [s[:2] for s in shown]
    assert SchemaRange(1, 3) == shown[0][2]
    assert ((2, 10, 5), (2, 10)) == (found.instances, found.wanted)


def test_a_share_of_the_latest_revision_is_that_revisions() -> None:
    service = {
        **web(r1=40),
        "trafficStatuses": [{"percent": 60}, {"revision": "r1", "percent": 40}],
    }
    found = service_signals(Estate({"web": service}, estate().revisions), ENVIRONMENT)["web"]
    assert {"r2": 60, "r1": 40} == {r.name: r.percent for r in found.revisions if r.percent}


def test_a_service_that_is_not_there_is_told() -> None:
    found = service_signals(Estate({}, ()), ENVIRONMENT)
    assert set(ENVIRONMENT.services) == set(found)
    assert (False, "Den Dienst gibt es nicht.") == (found["web"].ready, found["web"].problem)


def test_a_secret_knows_who_uses_which_version() -> None:
    secret = {"name": "projects/1/secrets/url", "expireTime": "2026-12-01T00:00:00Z"}
    versions = [
        {"name": "projects/1/secrets/url/versions/2", "state": "DISABLED"},
        {"name": "projects/1/secrets/url/versions/1", "state": "ENABLED",
         "createTime": "2026-11-26T11:00:00.5Z"},
    ]  # fmt: skip
    container = revision("x", 0, url="1")["containers"][0]
    job = {
        "name": "projects/p/locations/r/jobs/migrate",
        "template": {"template": {"containers": [container]}},
    }
    vault = Vault([secret], {"url": versions})
    (found,) = secret_signals(vault, estate(r1=90, r2=10), [job])
    assert (
        SecretSignal(
            "url",
            {"2": "DISABLED", "1": "ENABLED"},
            {"web (r1)": "2", "web (r2)": "1", "migrate": "1"},
            expires_at=datetime(2026, 12, 1, tzinfo=UTC),
        )
        == found
    )
    (alone,) = secret_signals(vault, None, [])
    assert {} == alone.used


def series(code: int, *points: tuple[int, int], service: str = "web") -> dict[str, Any]:
    return {
        "metric": {"labels": {"response_code": str(code)}},
        "resource": {"labels": {"service_name": service, "revision_name": "r1"}},
        "points": [
            {
                "interval": {"endTime": (NOON + timedelta(seconds=at)).isoformat()},
                "value": {"int64Value": str(number)},
            }
            for at, number in points
        ],
    }


def test_requests_are_counted_since_the_incident_began_and_before() -> None:
    windows = Windows.of(NOON - timedelta(seconds=60), NOON, 1.0, 10, 3)
    assert (timedelta(seconds=2), NOON - timedelta(seconds=60)) == (windows.step, windows.middle)
    counts = counts_of(
        windows,
        [series(200, (-70, 5), (-60, 5), (-58, 7), (0, 3)), series(500, (0, 2), (-80, 1)),
         series(429, (0, 4), (-90, 9), service="litellm"), series(503, (0, 1), service="litellm")],
    )  # fmt: skip
    latencies = {
        ("web", "r1"): [
            (NOON - timedelta(seconds=70), 20.0),
            (NOON - timedelta(seconds=50), 60.0),
            (NOON, 80.0),
        ],
        ("litellm", "r1"): [(NOON - timedelta(seconds=20), 900.0)],
    }
    assert {
        "web": {"r1": Sample(12, 2, 80.0)}, "litellm": {"r1": Sample(5, 1)},
    } == counts.samples(latencies, before=False)  # fmt: skip
    assert Sample(11, 1, 20.0) == counts.samples(latencies, before=True)["web"]["r1"]
    assert (5, 4) == (counts.answered("litellm"), counts.answered("litellm", lambda c: c == 429))
    readings = counts.series()["web"]
    assert [(-80, 1, 1), (-70, 5, 0), (-60, 5, 0), (-58, 7, 0), (0, 5, 2)] == [
        (round((r.at - NOON).total_seconds()), r.requests, r.errors) for r in readings
    ]


def test_a_window_is_at_least_a_sample_of_monitoring() -> None:
    windows = Windows.of(NOON, NOON, 60.0, 300, 50)
    assert timedelta(seconds=60) == windows.step == windows.end - windows.middle
    long = Windows.of(NOON - timedelta(seconds=4000), NOON, 60.0, 300, 50)
    assert long.middle <= NOON - timedelta(seconds=4000)
    assert timedelta(0) == (long.end - long.middle) % long.step
    assert isinstance(Counts(long, ()).series(), dict)


def test_only_what_was_made_lately_is_a_change() -> None:
    found = list(revision_changes(estate(), NOON - timedelta(minutes=54)))
    assert [("web", "Revision r6 mit web:1.1.0 angelegt.")] == [
        (c.target, c.text) for c in found if "r6" in c.text
    ]
    assert 2 == len(found)


def test_an_operation_tells_how_it_ended() -> None:
    at = "2026-11-26T11:59:00Z"
    operations: list[dict[str, Any]] = [
        {"operationType": "UPDATE", "targetId": "main", "startTime": at, "status": "DONE"},
        {"operationType": "CLONE", "targetId": "main", "insertTime": at, "status": "RUNNING"},
        {"operationType": "RESTART", "targetId": "main", "startTime": at, "status": "DONE",
         "error": {"errors": [{"code": "X"}]}},
        {"operationType": "UPDATE", "targetId": "old", "startTime": "2026-11-20T00:00:00Z"},
    ]  # fmt: skip
    when = datetime(2026, 11, 26, 11, 59, tzinfo=UTC)
    assert [
        Change(when, "operation", "main", "Einstellungen geändert."),
        Change(when, "operation", "main", "Klon (läuft)."),
        Change(when, "operation", "main", "Neustart (gescheitert)."),
    ] == list(instance_changes(operations, NOON - timedelta(hours=1)))
