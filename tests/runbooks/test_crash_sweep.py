"""A runbook killed after any event of its journal, then resumed, ends as if it had not been killed.

``nox -s sweep`` kills each after every event; ``LEITSTAND_SWEEP_STRIDE=7`` after every seventh,
``LEITSTAND_SWEEP_OFFSET=1`` then begins with the second: so several machines or nights share it.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.command import ROOT
from tests.fixtures.crash_cases import CASES
from tests.fixtures.crashing import Reference, crashed, reference_of
from tests.fixtures.world_state import State, difference, resources

STRIDE = int(os.environ.get("LEITSTAND_SWEEP_STRIDE", "1"))
OFFSET = int(os.environ.get("LEITSTAND_SWEEP_OFFSET", "0"))
SHARES = 8
"""Tests into which the events of one runbook are divided, so that each says how far it has come."""


@cache
def reference(runbook: str, base: Path) -> Reference:
    return reference_of(CASES[runbook], base / runbook / "reference")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sweep")


def test_every_runbook_is_swept() -> None:
    assert {path.stem for path in (ROOT / "runbooks").glob("*.ipynb")} == set(CASES)


@pytest.mark.parametrize(
    ("runbook", "event"), [(case.runbook, event) for case in CASES.values() for event in case.quick]
)
def test_a_killed_run_ends_as_if_it_had_not_been_killed(
    runbook: str, event: int, base: Path
) -> None:
    expected = reference(runbook, base)
    assert [] == crashed(CASES[runbook], base / runbook / str(event), event, expected)


@pytest.mark.sweep
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("runbook", CASES)
def test_a_run_killed_after_every_event_ends_as_if_it_had_not_been_killed(
    runbook: str, share: int, base: Path
) -> None:
    expected = reference(runbook, base)
    found = {
        event: wrong
        for event in range(1 + OFFSET + share * STRIDE, len(expected.events), SHARES * STRIDE)
        if (wrong := crashed(CASES[runbook], base / runbook / str(event), event, expected))
    }
    assert {} == found


STATE: State = {"main/app": ["column public.a int", "rows of a: 2, 9f8e"], "buckets": ["b"]}


@pytest.mark.parametrize(
    ("place", "entries"),
    [
        ("main/app", ["column public.a int", "rows of a: 2, 0000"]),
        ("main/app", ["column public.a int"]),
        ("main/app", [*STATE["main/app"], "role x"]),
        ("buckets", []),
        ("buckets", ["b", "b"]),
        ("topics", ["t"]),
    ],
)
def test_a_planted_difference_is_seen(place: str, entries: list[str]) -> None:
    assert [] == difference(STATE, STATE)
    assert difference({**STATE, place: entries}, STATE)


def test_of_resources_only_what_differs_every_time_is_ignored(tmp_path: Path) -> None:
    def read(number: str, **service: Any) -> State:
        web = {"percent": 100, "etag": number, "createTime": number, "env": ["A"], **service}
        (tmp_path / "state.json").write_text(json.dumps({"services": {"web": web}}))
        return resources(tmp_path)

    expected = read("2026-11-26T10:00:00Z")
    assert [] == difference(read("2026-11-27T11:11:11Z"), expected)
    assert difference(read("2026-11-26T10:00:00Z", percent=50), expected)
    assert difference(read("2026-11-26T10:00:00Z", env=["B"]), expected)
