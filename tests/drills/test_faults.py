"""Every drill on a whole sandbox under load: its cause is named first, and it goes away again."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.seed import sandbox_seed
from leitstand.core.triage.hypotheses import Cause, Hypothesis
from leitstand.core.triage.ranking import rank
from leitstand.database.queue import opened
from leitstand.drills.catalogue import drills
from leitstand.drills.drill import Drill, Mix
from leitstand.drills.faults.redis import NotFilled
from leitstand.drills.load import begin_load, gateway_key, wait_until_calm
from leitstand.drills.processes import end_helper
from leitstand.drills.scene import Scene
from leitstand.drills.state import DrillState
from leitstand.execution.triage import gather
from leitstand.notebook.furnishing import furnish
from leitstand.sandbox import control
from tests.fixtures.cloud_sql import PATIENT

QUICK = ("redis-full", "locked-database", "isolation-broken")
"""What the ordinary session takes; the others take minutes together."""
ALL = [
    pytest.param(name, id=name, marks=() if name in QUICK else pytest.mark.sweep)
    for name in sorted(drills(), key=lambda name: (name not in QUICK, name))
]
AT_ONCE = {"bad-release", "slow-release"}
"""Those that begin only when they can be felt."""
NAMED_SECONDS = 40.0
GONE_SECONDS = 75.0
"""Longer than what is looked back: errors of the drill may speak until then."""


@dataclass
class Stage:
    """The sandbox that all drills of this module take place in."""

    connection: Connection
    sandbox: control.Sandbox
    home: Path

    def scene(self, name: str) -> Scene:
        path = self.home / "drill.json"
        path.unlink(missing_ok=True)
        return Scene(self.connection, self.sandbox, DrillState.begin(path, name))

    def rank(self) -> tuple[Hypothesis, ...]:
        """Look once, as the incident runbook does."""
        environment = self.connection.environment
        policy, litellm = environment.triage, environment.litellm
        signals = gather(
            self.connection,
            since=datetime.now(UTC) - timedelta(seconds=policy.window),
            deadline=policy.deadline,
            state_directory=self.home,
        )
        return rank(signals, policy, quota=(litellm.rate_limit_quota, litellm.rate_limit_maximum))

    def causes(self) -> list[Cause]:
        return [hypothesis.cause for hypothesis in self.rank()]

    def firsts_until(self, wanted: Cause, seconds: float) -> list[Cause]:
        """What was named first, look by look, until it is the wanted one or time is up."""
        named: list[Cause] = []
        end = time.monotonic() + seconds
        while wanted not in named and time.monotonic() < end:
            named += self.causes()[:1]
        return named

    def is_well_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.causes():
            if time.monotonic() > end:
                return False
        return True


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("drills")
    environment = load_environment("sandbox")
    seed = sandbox_seed(environment)
    sandbox = control.start(home / "sandbox", seed, lifeline=True, timeout=PATIENT)
    try:
        furnish(environment, sandbox)
        made = Stage(Connection(environment, sandbox.grpc, sandbox.rest), sandbox, home)
        begin_load(made.scene("load"), Mix(rate=20.0, chat_rate=6.0))
        wait_until_calm(sandbox.visits, seconds=3.0)
        yield made
    finally:
        sandbox.stop()


@pytest.mark.parametrize("looks", [5, pytest.param(20, marks=pytest.mark.sweep)])
def test_nothing_is_found_in_a_healthy_environment_under_load(stage: Stage, looks: int) -> None:
    assert [[]] * looks == [stage.causes() for _ in range(looks)]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ALL)
def test_the_cause_of_a_drill_is_named_first_and_goes_away_with_it(stage: Stage, name: str) -> None:
    drill, scene = drills()[name], stage.scene(name)
    assert drill.recovered(scene)
    try:
        drill.inject(scene)
        if name in AT_ONCE:
            assert [drill.cause] == stage.causes()[:1]
        assert not drill.recovered(scene)
        assert [drill.cause] == stage.firsts_until(drill.cause, NAMED_SECONDS)
    finally:
        take_away(drill, scene)
    assert drill.recovered(scene)
    assert stage.is_well_within(GONE_SECONDS)


def take_away(drill: Drill, scene: Scene) -> None:
    for helper in scene.state.helpers:
        end_helper(helper)
    drill.clean(scene)
    drill.clean(scene)  # repeatable


def set_policy(scene: Scene, policy: str) -> None:
    """Change what Redis does when it is full, and wait until it does."""
    environment = scene.connection.environment
    place = f"projects/{environment.project}/locations/{environment.region}"
    name = f"{place}/instances/{environment.memorystore.instance}"
    found = ("redis.v1", "projects.locations.instances")
    rest = scene.connection.rest
    configs = rest.call(*found, "get", name, what="lesen").get("redisConfigs", {})
    body = {"redisConfigs": {**configs, "maxmemory-policy": policy}}
    query = {"updateMask": "redisConfigs"}
    rest.call(*found, "patch", name, what="ändern", body=body, query=query)
    with opened(scene.redis_url, 5.0) as redis:
        end = time.monotonic() + 20
        while redis.info("memory")["maxmemory_policy"] != policy:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_redis_that_throws_keys_away_is_not_filled_for_ever(stage: Stage) -> None:
    drill, scene = drills()["redis-full"], stage.scene("redis-full")
    set_policy(scene, "allkeys-lru")
    try:
        with pytest.raises(NotFilled):
            drill.inject(scene)
    finally:
        drill.clean(scene)
        set_policy(scene, "noeviction")
    assert drill.recovered(scene)


def test_the_key_of_the_gateway_is_the_one_it_runs_with(stage: Stage) -> None:
    scene = stage.scene("quota-exhausted")
    secret = f"projects/{scene.project}/secrets/litellm-master-key"
    key = gateway_key(scene)
    scene.secrets.add_version(secret, "sk-nobody-uses-it-yet")
    assert (key, True) == (gateway_key(scene), drills()["quota-exhausted"].recovered(scene))


def test_a_drill_that_never_began_is_cleaned_without_harm(stage: Stage) -> None:
    for name, drill in drills().items():
        drill.clean(stage.scene(name))
    assert [] == stage.causes()


@pytest.mark.parametrize("name", drills())
def test_a_story_tells_symptoms_and_never_the_cause(name: str) -> None:
    drill = drills()[name]
    told = f"{drill.title} {drill.story}".lower()
    words = {
        Cause.BAD_RELEASE: ("revision", "release", "1.2."),
        Cause.INCOMPATIBLE_SCHEMA: ("migration", "schema", "spalte"),
        Cause.LOCKED_DATABASE: ("sperr", "sitzung", "transaktion"),
        Cause.QUEUE_BACKLOG: ("worker", "warteschlange", "celery"),
        Cause.QUOTA_EXHAUSTED: ("kontingent", "quota", "429"),
        Cause.SECRET_UNUSABLE: ("secret", "deaktiv", "schlüssel"),
        Cause.DISK_FULL: ("platte", "speicher", "voll"),
        Cause.CERTIFICATE_EXPIRING: ("zertifikat", "dns"),
        Cause.REDIS_FULL: ("redis", "speicher"),
        Cause.INVALID_VECTOR_INDEX: ("index", "ungültig"),
        Cause.TENANTS_NOT_APART: ("row-level", "policy", "mandant"),
        Cause.MONITORING_SILENT: ("monitoring", "frist"),
    }
    assert [] == [word for word in words[drill.cause] if word in told]
