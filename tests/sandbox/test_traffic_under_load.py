"""Traffic changes and retirements under load: no request is lost."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from google.api_core import exceptions

from leitstand.sandbox.load import Load
from tests.sandbox.running import Running, running, web

STABLE, CANDIDATE = "web-00001-aaa", "web-1-1-0"


def test_no_request_is_lost_while_traffic_moves_and_instances_retire(tmp_path: Path) -> None:
    with running(tmp_path, web("1.0.0", STABLE, 2)) as sandbox:
        with Load(sandbox.door.public, rate=150, concurrency=8) as load:
            sandbox.deploy("1.1.0", CANDIDATE)
            for _ in range(2):
                for percent in (10, 50, 100):
                    _move(sandbox, percent)
                    time.sleep(0.25)
                _move(sandbox, 0)
                time.sleep(0.25)
            report = load.stop()
        records = sandbox.traffic.window(0, time.time() + 1)
        instances = {record.instance for record in records}

    assert report.sent > 300
    assert (report.sent, 0) == (report.answered, report.failed)
    assert {STABLE, CANDIDATE} == set(report.by_revision)
    assert sum(counts.errors for counts in report.by_revision.values()) == 0
    assert {200} == {record.status for record in records}
    # Each revision was started more than once: retired instances did not come back.
    assert len(instances) >= 5


def test_a_revision_that_is_not_ready_never_answers(tmp_path: Path) -> None:
    with running(tmp_path, web("1.0.0", STABLE, 1)) as sandbox:
        load = Load(sandbox.door.public, rate=100, concurrency=4)
        load.start()
        for tag in ("1.2.2-crash", "1.2.3-never-ready"):
            _deploy_in_vain(sandbox, tag)
        report = load.stop()

    assert list(report.by_revision) == [STABLE]
    assert 0 == report.failed == report.by_revision[STABLE].errors


def test_the_observed_split_is_within_statistical_error(tmp_path: Path) -> None:
    with running(tmp_path, web("1.0.0", STABLE, 1)) as sandbox:
        sandbox.deploy("1.1.0", CANDIDATE)
        _move(sandbox, 10)
        with Load(sandbox.door.public, rate=0, concurrency=8) as load:
            time.sleep(2.0)
            report = load.stop()

    assert report.failed == 0
    three_deviations = 3 * math.sqrt(0.1 * 0.9 / report.answered)
    assert abs(report.by_revision[CANDIDATE].answered / report.answered - 0.1) < three_deviations


def _deploy_in_vain(sandbox: Running, tag: str) -> None:
    name = f"web-{tag.replace('.', '-')}"
    with pytest.raises(exceptions.FailedPrecondition, match="is not ready"):
        sandbox.deploy(tag, name)


def _move(sandbox: Running, percent: int) -> None:
    shares = {STABLE: 100 - percent, CANDIDATE: percent}
    sandbox.traffic_to({name: share for name, share in shares.items() if share})
