"""Which cause is named first, for every cause and for faults that look like others."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.database_state import Block
from leitstand.core.health import Reading, Sample
from leitstand.core.triage.hypotheses import Cause, Hypothesis
from leitstand.core.triage.ranking import _FOLLOWS, _ORDER, rank
from leitstand.core.triage.signals import (
    CertificateSignal,
    Change,
    GatewaySignal,
    Missing,
    QueueSignal,
    Signals,
    Silence,
    Source,
)
from leitstand.core.triage.store_signals import (
    IsolationSignal,
    RedisSignal,
    StorageSignal,
    VectorSignal,
)
from tests.core.triage.made import (
    GIB,
    POLICY,
    SOURCES,
    ago,
    archiver,
    database,
    failing,
    healthy,
    lines,
    locked,
    revision,
    run,
    secret,
    service,
    session,
)

DAY = 86_400


def services(**changed: Any) -> dict[str, Any]:
    return {"services": {**healthy().services, **changed}}  # type: ignore[dict-item]


def canary(errors: int = 30, p95: float = 190.0) -> dict[str, Any]:
    """Return a release that is at ten percent."""
    return {
        **services(web=service("web", revision("web-00003", 10, 500), revision("web-00002", 90))),
        "traffic": {
            "web": {"web-00003": Sample(150, errors, p95), "web-00002": Sample(1400, 0, 180.0)}
        },
        "series": {
            "web": [
                *(Reading(ago(n), "web-00003", 15, errors // 10) for n in range(0, 100, 10)),
                *(Reading(ago(n), "web-00002", 140, 0) for n in range(0, 100, 10)),
            ]
        },
    }


def replaced(age: int) -> dict[str, Any]:
    """Return a slow release that took over so many seconds ago; before, there was no traffic."""
    return {
        **services(web=service("web", revision("web-00003", 100, age), revision("web-00002", 0))),
        "traffic": {
            "web": {"web-00003": Sample(900, 0, 1900.0), "web-00002": Sample(900, 0, 180.0)}
        },
        "baseline": {},
        "series": {},
    }


BACKLOG = QueueSignal("celery", 900, 180, 2)
FULL_REDIS = RedisSignal(5 * GIB, 5 * GIB, 0, 14, "noeviction", writes_refused=True)
QUOTA = GatewaySignal(900, 400, 0, 60)
MISSING_COLUMN = lines('column "title" of relation "documents" does not exist')
MIGRATION = run("20261126-033000-migrate-3f9a", 120)
UNREADY = revision("web-00003", 0, 60, ready=False, problem="Secret database-url is disabled")

GONE = replace(service("web"), ready=False, problem="Den Dienst gibt es nicht.")
REFUSED_CONNECTION = lines('connection to server at "<n>", port <n> failed: Connection refused')
BEAT = service("beat", revision("beat-00001", 100), instances=(1, 1, 0), wanted=(1, 1))

CASES: list[tuple[str, dict[str, Any], Cause]] = [
    ("a release at ten percent that fails", canary(), Cause.BAD_RELEASE),
    ("a release at ten percent that is slow", canary(0, 900.0), Cause.BAD_RELEASE),
    ("a release at a hundred percent that fails", failing(since=500, age=520), Cause.BAD_RELEASE),
    ("a release that is slower than the one it replaced", replaced(500), Cause.BAD_RELEASE),
    (
        "a new revision that never gets ready",
        services(
            web=service("web", replace(UNREADY, problem="Timeout"), revision("web-00002", 100))
        ),
        Cause.BAD_RELEASE,
    ),
    (
        "code that does not understand the schema",
        {"database": database(schema_version=4)},
        Cause.INCOMPATIBLE_SCHEMA,
    ),
    ("lines about a missing column", {"errors": [MISSING_COLUMN]}, Cause.INCOMPATIBLE_SCHEMA),
    ("a lock", {"database": locked()}, Cause.LOCKED_DATABASE),
    ("a lock that one session waits for", {"database": locked(1)}, Cause.LOCKED_DATABASE),
    ("all connections in use", {"database": database(connections=97)}, Cause.CONNECTIONS_EXHAUSTED),
    (
        "a database without a free session",
        {"database": Missing("Alle Plätze sind belegt.", Silence.FULL)},
        Cause.CONNECTIONS_EXHAUSTED,
    ),
    (
        "a database that cannot be reached",
        {
            "database": Missing("Verbindung abgelehnt."),
            "errors": [REFUSED_CONNECTION],
        },
        Cause.DATABASE_DOWN,
    ),
    ("a disk that is nearly full", {"storage": StorageSignal(93, 100, False)}, Cause.DISK_FULL),
    ("a disk that is full", {"storage": StorageSignal(99, 100, False)}, Cause.DISK_FULL),
    (
        "a growing disk near its limit",
        {"storage": StorageSignal(93, 95, True, 100)},
        Cause.DISK_FULL,
    ),
    (
        "a disk that does not grow fast enough",
        {"storage": StorageSignal(97 * GIB, 100 * GIB, True)},
        Cause.DISK_FULL,
    ),
    (
        "a write-ahead log that is not archived",
        {"database": database(archiver=archiver(3600, 30))},
        Cause.ARCHIVING_BROKEN,
    ),
    (
        "an invalid vector index",
        {"vectors": VectorSignal(("rag.ix",), ("rag.embeddings",))},
        Cause.INVALID_VECTOR_INDEX,
    ),
    (
        "tenants that see each other",
        {"isolation": IsolationSignal({"public.documents": "Row-Level Security ist aus."})},
        Cause.TENANTS_NOT_APART,
    ),
    ("a backlog", {"queue": BACKLOG}, Cause.QUEUE_BACKLOG),
    ("one task that is stuck", {"queue": QueueSignal("celery", 1, 4000, 1)}, Cause.QUEUE_BACKLOG),
    ("a queue without workers", {"queue": replace(BACKLOG, workers=0)}, Cause.WORKERS_MISSING),
    ("an exhausted quota", {"gateway": QUOTA}, Cause.QUOTA_EXHAUSTED),
    ("a disabled secret", {"secrets": [secret(state="DISABLED")]}, Cause.SECRET_UNUSABLE),
    (
        "a secret that expired",
        {"secrets": [replace(secret(), states={})]},
        Cause.SECRET_UNUSABLE,
    ),
    (
        "a password that is refused",
        {"errors": [lines('password authentication failed for user "app"')]},
        Cause.SECRET_UNUSABLE,
    ),
    (
        "a secret that expires",
        {"secrets": [secret(expires_at=ago(-2 * DAY))]},
        Cause.SECRET_EXPIRING,
    ),
    (
        "a certificate that ends soon",
        {"certificates": [CertificateSignal("main", "ACTIVE", ago(-3 * DAY))]},
        Cause.CERTIFICATE_EXPIRING,
    ),
    ("Redis without memory", {"redis": FULL_REDIS}, Cause.REDIS_FULL),
    (
        "Redis without memory by what redis-py leaves of its words",
        {
            "redis": Missing("Keine Antwort."),
            "errors": [
                lines("OutOfMemoryError: command not allowed when used memory > 'maxmemory'.")
            ],
        },
        Cause.REDIS_FULL,
    ),
    ("Redis nearly full", {"redis": replace(FULL_REDIS, writes_refused=False)}, Cause.REDIS_FULL),
    (
        "Redis out of reach",
        {"errors": [lines("Error <n> connecting to <n>:<n>. Connection refused.")]},
        Cause.REDIS_DOWN,
    ),
    (
        "no revision that is ready",
        services(worker=service("worker", revision("worker-00001", 100, ready=False, problem="x"))),
        Cause.SERVICE_DOWN,
    ),
    (
        "a service that was deleted",
        services(worker=replace(GONE, name="worker")),
        Cause.SERVICE_DOWN,
    ),
    (
        "Cloud Monitoring that does not answer",
        {name: Missing("Keine Antwort.", Silence.LATE) for name in SOURCES["traffic"]},
        Cause.MONITORING_SILENT,
    ),
]
COMBINED: list[tuple[str, dict[str, Any], Cause, set[Cause]]] = [
    (
        "a bad release makes a backlog",
        {**failing(since=500, age=520), "queue": replace(BACKLOG, oldest_seconds=400)},
        Cause.BAD_RELEASE,
        {Cause.QUEUE_BACKLOG},
    ),
    (
        "a lock makes a backlog and errors",
        {
            **failing(since=190),
            "database": locked(12, 200),
            "queue": replace(BACKLOG, oldest_seconds=190),
        },
        Cause.LOCKED_DATABASE,
        {Cause.QUEUE_BACKLOG},
    ),
    (
        "a lock makes errors soon after a good release",
        {**failing(since=40, age=600), "database": locked()},
        Cause.LOCKED_DATABASE,
        {Cause.BAD_RELEASE},
    ),
    (
        "an exhausted quota makes a backlog",
        {"gateway": QUOTA, "queue": BACKLOG},
        Cause.QUOTA_EXHAUSTED,
        {Cause.QUEUE_BACKLOG},
    ),
    (
        "a destructive migration makes errors",
        {**failing(since=60, age=600), "errors": [MISSING_COLUMN], "runs": [MIGRATION]},
        Cause.INCOMPATIBLE_SCHEMA,
        {Cause.BAD_RELEASE},
    ),
    (
        "Redis without memory makes errors",
        {
            **failing(since=40, age=600),
            "redis": FULL_REDIS,
            "errors": [lines("OOM command not allowed when used memory > 'maxmemory'.")],
        },
        Cause.REDIS_FULL,
        {Cause.BAD_RELEASE},
    ),
    (
        "a disabled secret keeps a new revision from starting",
        {
            **services(web=service("web", UNREADY, revision("web-00002", 100))),
            "secrets": [secret(state="DISABLED")],
        },
        Cause.SECRET_UNUSABLE,
        {Cause.BAD_RELEASE},
    ),
    (
        "an archive that is broken fills the disk",
        {
            "database": database(archiver=archiver(7200, 30)),
            "storage": StorageSignal(93, 100, False),
        },
        Cause.ARCHIVING_BROKEN,
        {Cause.DISK_FULL},
    ),
]


def found(**changed: Any) -> tuple[Hypothesis, ...]:
    return rank(healthy(**changed), POLICY)


@pytest.mark.parametrize(("case", "changed", "cause"), CASES, ids=[case for case, *_ in CASES])
def test_one_fault_is_named_and_nothing_else(
    case: str, changed: dict[str, Any], cause: Cause
) -> None:
    hypotheses = found(**changed)
    assert [cause] == [hypothesis.cause for hypothesis in hypotheses]
    assert hypotheses[0].evidence
    assert hypotheses[0].treatments


@pytest.mark.parametrize(
    ("case", "changed", "first", "consequences"), COMBINED, ids=[case for case, *_ in COMBINED]
)
def test_the_root_is_named_and_what_follows_from_it_stands_with_it(
    case: str, changed: dict[str, Any], first: Cause, consequences: set[Cause]
) -> None:
    (root,) = found(**changed)
    assert (first, consequences) == (root.cause, set(root.consequences))


def test_a_healthy_production_has_no_cause() -> None:
    assert () == found()


SOON = {"certificates": [CertificateSignal("main", "ACTIVE", ago(-3600))]}
UNMADE = CertificateSignal("main", "PROVISIONING", None)
STARTING = replace(UNREADY, created_at=ago(5), problem="Deploying")
ROTATED = replace(secret(), states={"1": "ENABLED", "0": "DISABLED"})
NO_TASKS = QueueSignal("celery", 0, None, 0)
OVER = [Reading(ago(10 * n), "web-00002", 100, 40 if n > 40 else 0) for n in range(90)]
FAST_FAILING, WAY_BACK = Sample(900, 300, 20.0), Sample(9000, 0, 600.0)
NOISE: list[tuple[str, dict[str, Any]]] = [
    ("three errors in ten requests", {"traffic": {"web": {"web-00002": Sample(10, 3, 200.0)}}}),
    ("a canary with one error", canary(1)),
    ("a canary that is somewhat slower", canary(0, 300.0)),
    ("errors of a revision that has long served", failing(0.2, 40)),
    ("the first requests of new instances", replaced(100)),
    ("a way back to a revision that is slower than the one that failed fast", {
        **services(
            web=service("web", revision("web-00004", 0, 400), revision("web-00003", 100, 800))
        ),
        "traffic": {"web": {"web-00004": FAST_FAILING, "web-00003": WAY_BACK}},
        "baseline": {"web": {"web-00004": FAST_FAILING}},
        "series": {"web": [Reading(ago(n), "web-00003", 100, 0) for n in range(0, 300, 10)]},
    }),
    ("a table that has outgrown a whole search", {"vectors": VectorSignal((), ("rag.x",))}),
    ("slowness of all", {"traffic": {"web": {"web-00002": Sample(9000, 0, 4000.0)}}}),
    ("a few lines about a column", {"errors": [lines(MISSING_COLUMN.pattern, 3)]}),
    ("lines that are over", {"errors": [lines(MISSING_COLUMN.pattern, 500, "web", 800, 700)]}),
    ("a burst of young tasks", {"queue": QueueSignal("celery", 2000, 3, 4)}),
    ("workers that start", {"queue": QueueSignal("celery", 2, 1, 0)}),
    ("two refusals in ten", {"gateway": GatewaySignal(10, 2, 0, 60)}),
    ("a short wait for a lock", {"database": locked(4, 2)}),
    ("a full disk that grows", {"storage": StorageSignal(93 * GIB, 100 * GIB, True)}),
    ("a full cache that evicts", {"redis": replace(FULL_REDIS, policy="allkeys-lru")}),
    ("a certificate that is made", {"certificates": [UNMADE]}),
    ("an old version that nobody uses", {"secrets": [ROTATED]}),
    ("beat that was halted", services(beat=BEAT)),
    ("a revision that starts", services(web=service("web", STARTING, revision("web-00002", 100)))),
    ("a new environment", {"baseline": {}, "series": {}, "traffic": {}, "queue": NO_TASKS}),
    ("one archiving that failed", {"database": database(archiver=archiver(20, 5))}),
    ("errors that are over", {
        **failing(0.2, 0, 600),
        "traffic": {"web": {"web-00002": Sample(9000, 900, 200.0)}},
        "series": {"web": OVER},
    }),
]  # fmt: skip


@pytest.mark.parametrize(("case", "changed"), NOISE, ids=[case for case, _ in NOISE])
def test_noise_is_no_cause(case: str, changed: dict[str, Any]) -> None:
    assert () == found(**changed)


def test_what_will_only_become_one_stands_below_what_is_an_incident() -> None:
    hypotheses = found(
        certificates=[CertificateSignal("main", "ACTIVE", ago(-3600))], queue=BACKLOG
    )
    assert [Cause.QUEUE_BACKLOG, Cause.CERTIFICATE_EXPIRING] == [h.cause for h in hypotheses]


def test_silence_stands_below_a_cause_and_above_an_outlook() -> None:
    silent = {name: Missing("Keine Antwort.") for name in SOURCES["traffic"]}
    soon = [CertificateSignal("main", "ACTIVE", ago(-3600))]
    hypotheses = found(**silent, certificates=soon, database=locked())
    assert [Cause.LOCKED_DATABASE, Cause.MONITORING_SILENT, Cause.CERTIFICATE_EXPIRING] == [
        hypothesis.cause for hypothesis in hypotheses
    ]


def test_a_silent_monitoring_blinds_you_and_harms_nobody_by_itself() -> None:
    (silent,) = found(**{name: Missing("Keine Antwort.") for name in SOURCES["traffic"]})
    assert (Cause.MONITORING_SILENT, False) == (silent.cause, silent.acute)


def test_a_lock_that_came_after_the_errors_does_not_explain_a_bad_release() -> None:
    hypotheses = found(**failing(since=500, age=520), database=locked())
    assert {Cause.BAD_RELEASE, Cause.LOCKED_DATABASE} == {h.cause for h in hypotheses}
    assert Cause.BAD_RELEASE is hypotheses[0].cause


def test_slowness_under_a_lock_is_not_the_latest_release_s() -> None:
    (hypothesis,) = found(**replaced(500), database=locked())
    assert (Cause.LOCKED_DATABASE, (Cause.BAD_RELEASE,)) == (
        hypothesis.cause, hypothesis.consequences
    )  # fmt: skip


def test_a_schema_that_no_code_understands_outranks_what_its_migration_left_open() -> None:
    left = IsolationSignal({"public.bookmarks": "Für den Eigentümer gilt sie nicht."})
    hypotheses = found(database=database(schema_version=4), isolation=left)
    assert [Cause.INCOMPATIBLE_SCHEMA, Cause.TENANTS_NOT_APART] == [h.cause for h in hypotheses]


def test_a_release_that_alone_fails_is_not_explained_by_a_lock() -> None:
    hypotheses = found(**canary(), database=locked())
    assert {Cause.BAD_RELEASE, Cause.LOCKED_DATABASE} == {h.cause for h in hypotheses}


SILENCES = [
    (Silence.NOTHING, []),
    (Silence.LATE, []),
    (Silence.UNREACHABLE, ["Auch die Diagnose erreicht sie nicht."]),
]


@pytest.mark.parametrize(("tells", "texts"), SILENCES, ids=[s for s, _ in SILENCES])
def test_only_a_database_that_nobody_reaches_is_evidence_that_it_is_down(
    tells: Silence, texts: list[str]
) -> None:
    (down,) = found(database=Missing("Grund.", tells), errors=[REFUSED_CONNECTION])
    assert Cause.DATABASE_DOWN is down.cause
    assert texts == [e.text for e in down.evidence if "Diagnose" in e.text]


def test_a_database_without_a_free_session_is_not_down_whatever_services_say_of_it() -> None:
    (full,) = found(database=Missing("Voll.", Silence.FULL), errors=[REFUSED_CONNECTION])
    assert (Cause.CONNECTIONS_EXHAUSTED, "Voll.") == (full.cause, full.evidence[0].text)
    assert "Connection refused" in full.evidence[1].text


def test_an_operation_on_the_instance_right_before_is_evidence_that_the_database_is_down() -> None:
    operations = [
        Change(ago(20), "operation", "main", "Klon."),
        Change(ago(60), "revision", "web", "Revision web-00003 angelegt."),
        Change(ago(90), "operation", "main", "Neustart."),
    ]
    (down,) = found(
        database=Missing("Grund.", Silence.UNREACHABLE),
        errors=[REFUSED_CONNECTION],
        operations=operations,
    )
    told = [e.text for e in down.evidence if e.source is Source.OPERATIONS]
    assert ["main: Neustart."] == told


def test_who_holds_others_up_is_named_through_those_who_wait_for_less_than_the_limit() -> None:
    a, b, c = session(1, 300, "a"), session(2, 1, "b"), session(3, 60, "c")
    busy = [Block(session(10 + n, 1), session(9, 5, "eilig"), "", "") for n in range(5)]
    blocks = (Block(c, b, "", "public.documents"), Block(b, a, "", "public.documents"), *busy)
    (lock,) = found(database=database(blocks=blocks))
    assert [{"pid": 1}] == [dict(t.parameters) for t in lock.treatments]


def test_a_service_that_was_deleted_is_not_explained_by_a_lock() -> None:
    hypotheses = found(**services(web=GONE), database=locked())
    assert {Cause.LOCKED_DATABASE, Cause.SERVICE_DOWN} == {h.cause for h in hypotheses}


LEFT: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    (
        "fewer tables are open",
        {"isolation": IsolationSignal({"public.a": "Offen.", "public.b": "Offen."})},
        {"isolation": IsolationSignal({"public.b": "Offen."})},
        True,
    ),
    (
        "another index is invalid",
        {"vectors": VectorSignal(("rag.a", "rag.b"))},
        {"vectors": VectorSignal(("rag.b",))},
        True,
    ),
    (
        "fewer services lack their schema",
        {"database": database(schema_version=4)},
        {
            "database": database(schema_version=4),
            **services(worker=service("worker", revision("worker-00002", 100, schema=(1, 4)))),
        },
        True,
    ),
    ("it follows from another", {"queue": BACKLOG}, {"queue": replace(BACKLOG, workers=0)}, True),
    ("a certificate still ends", SOON, SOON, True),
    (
        "another service is down",
        services(web=GONE),
        services(worker=replace(GONE, name="worker")),
        False,
    ),
    (
        "it only will do harm",
        {"storage": StorageSignal(99, 100, False)},
        {"storage": StorageSignal(93, 100, False)},
        False,
    ),
    ("nothing is found", {"queue": BACKLOG}, {}, False),
]


@pytest.mark.parametrize(("case", "before", "after", "left"), LEFT, ids=[c for c, *_ in LEFT])
def test_a_cause_is_recognised_after_its_treatment(
    case: str, before: dict[str, Any], after: dict[str, Any], left: bool
) -> None:
    treated = Hypothesis.from_data(found(**before)[0].as_data())
    assert left is (treated.left_in(found(**after)) is not None)


def test_no_cause_follows_from_one_below_it() -> None:
    backwards = [
        (a, b) for a, effects in _FOLLOWS.items() for b in effects if _ORDER[a] >= _ORDER[b]
    ]
    assert [] == backwards


PARTS = [changed for _, changed, _ in CASES] + [changed for _, changed in NOISE]
FAULTS = st.lists(st.sampled_from(PARTS), max_size=4).map(
    lambda parts: healthy(**{name: value for part in parts for name, value in part.items()})
)


WITHOUT_ANSWER = [Silence.NOTHING, Silence.LATE, Silence.UNREACHABLE]


def causes(hypotheses: tuple[Hypothesis, ...]) -> set[Cause]:
    return {cause for h in hypotheses for cause in (h.cause, *h.consequences)}


@settings(max_examples=80, deadline=None)
@given(FAULTS, st.sampled_from(sorted(SOURCES)), st.sampled_from(WITHOUT_ANSWER))
def test_a_source_that_is_missing_adds_no_cause_but_its_silence(
    signals: Signals, source: str, tells: Silence
) -> None:
    silent = {name: Missing("Keine Antwort.", tells) for name in SOURCES[source]}
    before, after = rank(signals, POLICY), rank(replace(signals, **silent), POLICY)  # type: ignore[arg-type]
    assert set() == causes(after) - causes(before) - {Cause.MONITORING_SILENT}


@settings(max_examples=60, deadline=None)
@given(FAULTS)
def test_scores_fall_from_one_to_zero_and_the_order_is_always_the_same(signals: Signals) -> None:
    hypotheses = rank(signals, POLICY)
    scores = [hypothesis.score for hypothesis in hypotheses]
    assert sorted(scores, reverse=True) == scores
    assert all(0 <= score <= 1 for score in scores)
    assert hypotheses == rank(signals, POLICY)


@settings(max_examples=60, deadline=None)
@given(
    requests=st.integers(0, 20_000),
    errors=st.integers(0, 20),
    p95=st.floats(10, 420),
    length=st.integers(0, 199),
    age=st.floats(0, 1000),
    connections=st.integers(0, 80),
    refused=st.integers(0, 3),
    count=st.integers(0, 9),
    released=st.floats(0, 5000),
)
def test_ordinary_ups_and_downs_are_no_cause(
    requests: int, errors: int, p95: float, length: int, age: float, connections: int,
    refused: int, count: int, released: float,
) -> None:  # fmt: skip
    errors = min(errors, round(requests * 0.015))
    new = Sample(requests, errors, p95)
    web = service("web", revision("web-00003", 50, released), revision("web-00002", 50))
    signals = healthy(
        **services(web=web),
        traffic={"web": {"web-00003": new, "web-00002": Sample(900, 2, 170.0)}},
        queue=QueueSignal("celery", length, age, 2),
        database=database(connections=connections),
        gateway=GatewaySignal(200, refused, 0, 600),
        errors=[lines(MISSING_COLUMN.pattern, count)],
        operations=[Change(ago(released), "operation", "main", "Sicherung.")],
    )  # fmt: skip
    assert () == rank(signals, POLICY)


def test_no_signal_at_all_is_only_silence() -> None:
    gone = {name: Missing("Keine Antwort.") for names in SOURCES.values() for name in names}
    assert [Cause.MONITORING_SILENT] == [h.cause for h in found(**gone)]
