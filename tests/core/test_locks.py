"""Whether somebody may have what another has claimed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leitstand.core.locks import (
    Claim,
    Found,
    Lease,
    Standing,
    Takeover,
    age,
    longest_silence,
    overdue,
    standing,
)
from tests.fixtures.locks import holder

AT = datetime(2026, 11, 26, 3, 14, tzinfo=UTC)
ME = holder("r1", token="mine", pid=7)
END = Takeover("erika", "", "Notfall.")


def found(lease: Lease, seconds: float = 1) -> Found:
    """A lease that was renewed so many seconds ago, by the store's clock."""
    return Found("runs/x.json", lease.as_data(), "1", AT, AT + timedelta(seconds=seconds))


def lease(run: str, expires: float = 60, **changes: Any) -> Lease:
    return Lease(holder(run, **changes), expires)


ANOTHER = lease("r2", place="p2")
EARLIER = lease("r1", pid=5)
CASES = [
    ("there is none", None, None, Standing.FREE),
    ("another run lives", found(ANOTHER), None, Standing.HELD),
    ("another run has just expired, as far as clocks can tell", found(ANOTHER, 64), None,
     Standing.HELD),
    ("another run has expired", found(ANOTHER, 66), None, Standing.STALE),
    ("the store's clock was set back an hour", found(ANOTHER, -3600), None, Standing.HELD),
    ("another run was ended by somebody", found(ANOTHER.ended(END)), None, Standing.FREE),
    ("another run's process is gone", found(ANOTHER), False, Standing.STALE),
    ("another run's process lives, though it is late", found(ANOTHER, 30), True, Standing.HELD),
    ("another run's process hangs", found(ANOTHER, 66), True, Standing.STALE),
    ("it is mine", found(Lease(ME, 60), 999), None, Standing.MINE),
    ("my run's earlier process is gone", found(EARLIER), False, Standing.MINE),
    ("my run's earlier process still lives", found(EARLIER), True, Standing.HELD),
    ("my run was opened twice in this process", found(lease("r1", pid=7)), True, Standing.MINE),
    ("my run lives on another machine", found(lease("r1", place="p2")), None, Standing.HELD),
    ("my run lives on a copy of this machine", found(lease("r1", host="h2", pid=7)), None,
     Standing.HELD),
    ("my run is dead on another machine", found(lease("r1", place="p2"), 66), None,
     Standing.STALE),
    ("I have reserved it", found(lease("")), None, Standing.MINE),
    ("somebody else has reserved it", found(lease("", operator="erika")), None, Standing.HELD),
    ("somebody had reserved it", found(lease("", 10, operator="erika"), 21), None,
     Standing.STALE),
]  # fmt: skip


@pytest.mark.parametrize(("case", "there", "alive", "expected"), CASES, ids=[c for c, *_ in CASES])
def test_a_lease_keeps_others_out_while_its_holder_lives(
    case: str, there: Found | None, alive: bool | None, expected: Standing
) -> None:
    assert expected == standing(there, ME, alive=alive)


def test_a_clock_that_was_set_back_ages_nothing() -> None:
    assert (0.0, 2.5) == (age(found(ANOTHER, -5)), age(found(ANOTHER, 2.5)))


@pytest.mark.parametrize(
    ("there", "silence", "expected"),
    [(ANOTHER, 30, False), (ANOTHER, 31, True), (lease("", operator="erika"), 31, False)],
)
def test_a_run_that_has_missed_two_renewals_is_overdue_and_a_reservation_never_is(
    there: Lease, silence: float, expected: bool
) -> None:
    assert expected == overdue(there, silence)


def test_a_holder_stops_acting_well_before_others_may_have_its_locks() -> None:
    assert 40.0 == longest_silence(60)


@pytest.mark.parametrize("one", [ANOTHER, ANOTHER.renewed("2026"), ANOTHER.ended(END)])
def test_a_lease_is_the_same_after_it_was_written_and_read(one: Lease) -> None:
    assert one == Lease.from_data({**one.as_data(), "new": 1})


def test_a_lease_begins_once_however_often_it_is_renewed() -> None:
    renewed = ANOTHER.renewed("").renewed("first").renewed("second")
    assert replace(ANOTHER, acquired="first", beat=3) == renewed


@pytest.mark.parametrize("data", [{}, {"holder": 1, "expires": 1}, {"holder": {}, "expires": 1}])
def test_what_is_no_lease_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no lease"):
        Lease.from_data(data)


def test_a_claim_is_the_same_after_it_was_written_and_read() -> None:
    claim = Claim("prod", "a/web", "r1", "t")
    assert claim == Claim.from_data({**claim.as_data(), "new": 1})
    with pytest.raises(ValueError, match="no claim"):
        Claim.from_data({"environment": "prod"})
