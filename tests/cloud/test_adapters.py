"""The adapters, read against a real sandbox."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from leitstand.cloud.errors import CloudUnreachable, Conflict, NotFound
from leitstand.cloud.monitoring import Monitoring
from leitstand.cloud.registry import Registry
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.smoke import Smoke
from leitstand.core.traffic import Share, Split
from leitstand.sandbox.fault_kinds import FaultKind
from tests.fixtures.world import World

STABLE = "web-00001-start"


@pytest.fixture
def world(used_world: World) -> World:
    return used_world


def test_a_service_tells_its_traffic_and_that_it_is_settled(world: World) -> None:
    service = world.run.service(world.service)
    assert service.settled
    assert {STABLE: 100} == service.traffic.pinned(service.latest_ready_revision).serving()
    assert {STABLE: 100} == world.serving()


def test_a_service_that_does_not_exist_is_not_found(world: World) -> None:
    with pytest.raises(NotFound, match="nirgends"):
        world.run.service(world.service.replace("web", "nirgends"))


def test_a_change_on_an_old_version_is_a_conflict(world: World) -> None:
    service = world.run.service(world.service)
    world.run.start_traffic(world.service, service.etag, Split.of(Share(STABLE, 100, "neu")))
    with pytest.raises(Conflict):
        world.run.start_traffic(world.service, service.etag, Split.of(Share(STABLE, 100)))
    now = world.run.service(world.service).etag
    world.run.start_traffic(world.service, now, Split.of(Share(STABLE, 100)))
    while not world.run.service(world.service).settled:
        time.sleep(0.01)


def test_staging_tells_the_digests_that_ran_there(world: World) -> None:
    reference = world.environment.release.reference
    assert reference is not None
    staging = f"projects/{reference.project}/locations/{reference.region}/services/web"
    digests = {revision.digest for revision in world.run.list_revisions(staging)}
    registry = Registry(world.connection)
    assert registry.image("web:1.1.0").digest in digests
    assert registry.image("web:1.3.1-moved").digest not in digests


@pytest.mark.parametrize(
    ("reference", "exists", "signed"),
    [
        ("web:1.1.0", True, True),
        ("web:1.3.0-unsigned", True, False),
        ("web:9.9.9", False, False),
        ("unbekannt:1.0.0", False, False),
    ],
)
def test_an_image_tells_its_digest_and_whether_it_is_signed(
    world: World, reference: str, exists: bool, signed: bool
) -> None:
    image = Registry(world.connection).image(reference)
    assert (exists, signed) == (bool(image.digest), image.signed)
    assert not any(tag.endswith(".sig") for tag in image.known_tags)


def test_a_secret_version_tells_its_state_and_never_its_value(world: World) -> None:
    secrets = Secrets(world.connection)
    assert "ENABLED" == secrets.version_state("langfuse-secret-key", "1")
    assert "MISSING" == secrets.version_state("langfuse-secret-key", "7")
    project = world.environment.project
    name = f"projects/{project}/secrets/langfuse-secret-key/versions/1"
    world.connection.secrets.disable_secret_version(request={"name": name})
    assert "DISABLED" == secrets.version_state("langfuse-secret-key", "1")
    world.connection.secrets.enable_secret_version(request={"name": name})


def test_monitoring_counts_the_requests_that_were_answered(world: World) -> None:
    start = datetime.now(UTC)
    with world.load() as load:
        while load.report().answered < 200:
            time.sleep(0.01)
        report = load.stop()
    end = datetime.now(UTC) + timedelta(seconds=2)
    monitoring = Monitoring(world.connection)
    while datetime.now(UTC) < end:
        time.sleep(0.01)
    sample = monitoring.samples("web", start, end)[STABLE]
    assert (report.answered, 0) == (sample.requests, sample.errors)
    assert sample.latency_p95_ms is not None
    assert 0 < sample.latency_p95_ms < 1000
    readings = monitoring.series("web", start, end, timedelta(seconds=1))
    assert report.answered == sum(reading.requests for reading in readings)


def test_monitoring_without_requests_has_no_samples(world: World) -> None:
    end = datetime.now(UTC) - timedelta(hours=1)
    assert {} == Monitoring(world.connection).samples("web", end - timedelta(seconds=5), end)


def test_a_page_of_a_candidate_answers_or_tells_why_not(world: World) -> None:
    smoke, uri = Smoke(world.connection), world.run.service(world.service).uri
    assert smoke.probe(uri, "/healthz", timeout=3, attempts=2).passed
    assert 404 == smoke.probe(uri, "/gibt-es-nicht", timeout=3, attempts=1).status
    gone = smoke.probe("http://127.0.0.1:9", "/", timeout=1, attempts=2)
    assert (0, "ConnectionError") == (gone.status, gone.problem)


@pytest.mark.parametrize(("kind", "seconds"), [("fail", 0.0), ("hang", 0.0)])
def test_an_api_that_does_not_answer_is_unreachable(
    world: World, kind: FaultKind, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leitstand.cloud.monitoring._SECONDS", 0.5)
    world.sandbox.add_fault("ListTimeSeries", kind, "UNAVAILABLE", seconds)
    end = datetime.now(UTC)
    with pytest.raises(CloudUnreachable, match="Google Cloud antwortet nicht"):
        Monitoring(world.connection).samples("web", end - timedelta(seconds=5), end)
