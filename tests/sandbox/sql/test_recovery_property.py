"""Of the transactions committed before the target none is missing, of those after it none there.

Several writers commit at once while targets are drawn; each transaction writes to two tables. A
transaction counts as before the target when its commit was answered before it, as after it when
its commit was asked for after it, by the clock that the database itself uses.
"""

import itertools
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WRITERS = 6
EDGES = ("answered", "asked", "between", "newest", "now")


@dataclass
class Writers:
    """Writers that commit until they are stopped.

    Attributes:
        answered: When the commit of a transaction was answered, by its number.
        asked: When it was asked for.
    """

    cloud: object
    answered: dict = field(default_factory=dict)
    asked: dict = field(default_factory=dict)
    broken: list = field(default_factory=list)

    def __post_init__(self):
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert not self.broken

    def _write(self):
        try:
            with self.cloud.connect() as connection:
                while not self._over.is_set():
                    number = next(self._numbers)
                    with connection.transaction():
                        connection.execute("INSERT INTO first VALUES (%s)", (number,))
                        connection.execute("INSERT INTO second VALUES (%s)", (number,))
                        self.asked[number] = time.time()
                    self.answered[number] = time.time()
                    time.sleep(0.002)
        except Exception as error:  # noqa: BLE001 - shown by stop()
            self.broken.append(error)


@pytest.fixture(scope="module")
def writers(cloud):
    """Writers that work during all targets; a second backup is taken, and a clone is there."""
    cloud.ask("CREATE TABLE first (n int); CREATE TABLE second (n int)")
    working = Writers(cloud)
    working.start()
    time.sleep(0.5)
    cloud.done(cloud.backups.insert(request=cloud.on()))
    working.bystander = cloud.cloned()
    cloud.ask("INSERT INTO first VALUES (-1)", working.bystander)
    time.sleep(0.5)
    yield working
    working.stop()


def target(writers, edge, place):
    """A time to recover to, in whole microseconds."""
    known = sorted(dict(writers.answered).items())
    number, answered = known[int(place * (len(known) - 1))]
    if edge == "now":
        return time.time()
    if edge == "newest":
        return max(known, key=lambda pair: pair[1])[1]
    if edge == "asked":
        return writers.asked[number]
    if edge == "between":
        first = known[0][1]
        return first + place * (known[-1][1] - first)
    return answered


def check(cloud, writers, edge, place):
    earliest = cloud.window().earliest_recovery_time.timestamp()
    at = datetime.fromtimestamp(max(target(writers, edge, place), earliest + 0.001), UTC)
    time.sleep(0.01)
    clone = cloud.cloned(at)
    try:
        first = {row[0] for row in cloud.ask("SELECT n FROM first", clone)}
        second = {row[0] for row in cloud.ask("SELECT n FROM second", clone)}
    finally:
        cloud.delete(clone)
    when = at.timestamp()
    asked = dict(writers.asked)
    missing = {n for n, done in dict(writers.answered).items() if done <= when} - first
    early = {n for n in first if n in asked and asked[n] > when}
    assert (missing, early) == (set(), set())
    assert first == second
    assert -1 not in first


draws = {"edge": st.sampled_from(EDGES), "place": st.floats(0, 1)}
unhurried = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


@settings(max_examples=5, derandomize=True, **unhurried)
@given(**draws)
def test_no_transaction_is_missing_and_none_is_there_too_early(cloud, writers, edge, place):
    check(cloud, writers, edge, place)


@pytest.mark.parametrize("edge", ["newest", "now"])
def test_the_very_newest_commit_can_be_recovered(cloud, writers, edge):
    check(cloud, writers, edge, 1.0)


@pytest.mark.sweep
@settings(max_examples=60, **unhurried)
@given(**draws)
def test_no_transaction_is_missing_in_many_tries(cloud, writers, edge, place):
    check(cloud, writers, edge, place)
