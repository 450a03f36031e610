"""What a worker has in hand when the sandbox stops."""

from pathlib import Path

from leitstand.database.queue import read_queues
from leitstand.database.queue_activity import in_hand
from tests.fixtures.provisioning import eventually
from tests.fixtures.queueing import queue


def test_a_worker_finishes_what_it_has_in_hand_before_its_redis_stops(tmp_path: Path) -> None:
    with queue(tmp_path) as site:
        site.put(1, "slow", 3.0)
        # Beat's own tasks, which take no time, pile up behind it.
        assert eventually(lambda: in_hand(site.url) == 1 and read_queues(site.url)[0].length > 2)
        assert 0 == site.leitstand("sandbox", "down").code
        assert 0 == site.leitstand("sandbox", "up").code
        # What a killed worker had would come back after an hour.
        assert eventually(lambda: in_hand(site.url) == 0)
