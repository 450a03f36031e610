"""Redis is exported once, proven by loading, and an export can be taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from leitstand.audit.journal import Journal
from leitstand.core.errors import RolledBack
from leitstand.core.plan import Action, Approval, Approved, Plan
from leitstand.core.release_checks import Check
from leitstand.core.snapshot import GRANTED_ROLE
from leitstand.execution.executor import ActionFailed, Executor
from leitstand.execution.recovery import revert
from leitstand.execution.snapshot_handlers import snapshot_handlers
from leitstand.notebook.snapshot_redis_wording import ContentLost
from tests.fixtures.approved import approved_in
from tests.fixtures.redis_site import BUCKET, INSTANCE, RedisSite, redis_site
from tests.fixtures.times import LATER


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisSite]:
    with redis_site(tmp_path_factory.mktemp("site")) as one:
        with Redis.from_url(one.url) as redis:
            redis.mset({f"k{number}": "x" * 50 for number in range(300)})
            redis.lpush("celery", "task")
        yield one


@pytest.fixture(autouse=True)
def without_snapshots(site: RedisSite) -> Iterator[None]:
    yield
    site.empty()


def exports(site: RedisSite) -> int:
    """How often an export was asked for so far."""
    calls = [method for method, _ in site.production.writes()]
    return sum(method.endswith("/instances/export") for method in calls)


def export(site: RedisSite, name: str = "main-r1.rdb") -> tuple[Approved, Action]:
    """An approved plan of one export, and its action."""
    place = {"bucket": BUCKET, "object": name}
    action = Action("export", "redis_export", INSTANCE, place)
    back = Action("delete", "object_delete", f"buckets/{BUCKET}", place)
    plan = Plan("snapshot_redis", "sandbox", INSTANCE, {}, (action,), (back,))
    return Approved(plan, Approval(plan.digest, "test", LATER)), action


def executor(site: RedisSite, approved: Approved, journal: Journal) -> Executor:
    if not journal.events():
        approved_in(journal, approved.plan)
    return Executor(approved, journal, snapshot_handlers(site.connection))


def test_a_missing_grant_is_planned_given_and_the_export_proven(site: RedisSite) -> None:
    site.revoke()
    assert [f"storage.policy/{BUCKET}"] == site.production.deviating
    run = site.production.leitstand
    ended = run("run", "snapshot_redis", "--apply")
    assert (0, "") == (ended.code, ended.problems)
    assert ["grant", "export"] == site.production.planned()
    assert [] == site.production.deviating
    (snapshot,) = site.storage.objects(BUCKET)
    (proven,) = [e for e in run.journal() if e["event"] == "snapshot.proven"]
    assert (snapshot.name, snapshot.size, {"0": [301, 0]}, [200, 0, 0]) == (
        proven["object"], proven["size"], proven["keys"], proven["sample"],
    )  # fmt: skip
    journal = (run.runs[-1] / "journal.jsonl").read_text("utf-8")
    assert [] == [word for word in ("redis://", "k299") if word in journal]


def test_an_export_that_a_killed_run_began_is_not_begun_again(
    site: RedisSite, tmp_path: Path
) -> None:
    (approved, action), before = export(site), exports(site)
    handler = snapshot_handlers(site.connection)["redis_export"]
    for number, known in enumerate((False, True)):
        journal = Journal(tmp_path / f"{number}.jsonl")
        journal.append("plan.made", plan=approved.plan.as_data(), digest=approved.plan.digest)
        journal.append("approval.given", digest=approved.plan.digest, by="test", expires_at=LATER)
        journal.append("action.intent", **action.as_data())
        operation = handler.start(action, "")
        if known:
            journal.append("action.operation", id=action.id, operation=operation)
        evidence = executor(site, approved, journal).apply("export")
        assert "main-r1.rdb" == evidence["object"]
    assert before + 1 == exports(site)


def test_an_export_is_taken_back_by_deleting_its_object_alone(
    site: RedisSite, tmp_path: Path
) -> None:
    other, _ = export(site, "main-r0.rdb")
    executor(site, other, Journal(tmp_path / "other.jsonl")).apply("export")
    approved, _ = export(site)
    acting = executor(site, approved, Journal(tmp_path / "run.jsonl"))
    acting.apply("export")
    acting.take_back()
    acting.take_back()
    assert ["main-r0.rdb"] == [one.name for one in site.storage.objects(BUCKET)]


def test_a_run_that_only_looks_finds_nothing_on_an_instance_that_was_just_made(
    site: RedisSite,
) -> None:
    ended = site.production.leitstand("run", "snapshot_redis")
    assert (0, "") == (ended.code, ended.problems)


def test_a_snapshot_that_is_known_to_lack_keys_can_be_taken_back(
    site: RedisSite, tmp_path: Path
) -> None:
    approved, _ = export(site)
    journal = Journal(tmp_path / "run.jsonl")
    journal.append("plan.made", plan=approved.plan.as_data(), digest=approved.plan.digest)
    journal.append("approval.given", digest=approved.plan.digest, by="test", expires_at=LATER)
    executor(site, approved, journal).apply("export")
    lost = ContentLost([Check("sample_matches", False, {
        "compared": 9, "missing": 9, "different": 0,
    })])  # fmt: skip
    journal.append("run.failed", error="ContentLost", exit_code=int(lost.exit_code))
    assert isinstance(revert("run", journal, site.connection, "Zurück."), RolledBack)
    assert () == site.storage.objects(BUCKET)


def test_a_refused_export_says_what_google_said(site: RedisSite, tmp_path: Path) -> None:
    site.revoke()
    approved, _ = export(site)
    acting = executor(site, approved, Journal(tmp_path / "run.jsonl"))
    try:
        with pytest.raises(Exception, match=r"storage\.buckets\.get"):
            acting.apply("export")
    finally:
        grant = Action(
            "grant", "bucket_grant", f"buckets/{BUCKET}",
            {"bucket": BUCKET, "role": GRANTED_ROLE, "member": site.identity},
        )  # fmt: skip
        handler = snapshot_handlers(site.connection)["bucket_grant"]
        assert "" == handler.start(grant, "")
    assert {"role": GRANTED_ROLE} == handler.finish(grant, "", lambda _: None)


def test_an_object_that_the_bucket_keeps_is_not_deleted(site: RedisSite, tmp_path: Path) -> None:
    approved, _ = export(site)
    acting = executor(site, approved, Journal(tmp_path / "run.jsonl"))
    acting.apply("export")
    call = site.connection.rest.call
    body = {"retentionPolicy": {"retentionPeriod": "600"}}
    call("storage.v1", "buckets", "patch", f"b/{BUCKET}", what="Bucket ändern", body=body)
    try:
        with pytest.raises(ActionFailed, match="hält der Bucket bis"):
            acting.take_back()
    finally:
        free = {"retentionPolicy": None}
        call("storage.v1", "buckets", "patch", f"b/{BUCKET}", what="Bucket ändern", body=free)
