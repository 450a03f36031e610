"""Which way back a schema leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.schema import Decision, SchemaRange, WayBack, decide_way_back

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OLD = SchemaRange(1, 3)

CASES = [
    ("the target understands the schema", OLD, 3, NOW - HOUR, NOW - 5 * HOUR,
     Decision(WayBack.TRAFFIC, "target_understands_schema")),
    ("a contracted schema, and a point before it", OLD, 4, NOW - HOUR, NOW - 5 * HOUR,
     Decision(WayBack.RECOVERY, "target_does_not_understand_schema", HOUR)),
    ("a schema older than the target's code", SchemaRange(4, 6), 3, NOW - HOUR, NOW - 5 * HOUR,
     Decision(WayBack.RECOVERY, "target_does_not_understand_schema", HOUR)),
    ("no known point before the migration", OLD, 4, None, NOW - 5 * HOUR,
     Decision(WayBack.FORWARD_FIX, "no_restore_point")),
    ("the point has left the window", OLD, 4, NOW - 6 * HOUR, NOW - 5 * HOUR,
     Decision(WayBack.FORWARD_FIX, "restore_point_too_old")),
    ("nothing can be recovered", OLD, 4, NOW - HOUR, None,
     Decision(WayBack.FORWARD_FIX, "restore_point_too_old")),
    ("the revision does not say what it understands", None, 3, NOW - HOUR, NOW - 5 * HOUR,
     Decision(WayBack.REFUSE, "target_range_unknown")),
    ("the database does not say its version", OLD, None, NOW - HOUR, NOW - 5 * HOUR,
     Decision(WayBack.REFUSE, "live_version_unknown")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "target", "live", "point", "earliest", "expected"), CASES, ids=[c[0] for c in CASES]
)
def test_the_way_back_follows_from_schema_and_window(
    case: str,
    target: SchemaRange | None,
    live: int | None,
    point: datetime | None,
    earliest: datetime | None,
    expected: Decision,
) -> None:
    decided = decide_way_back(target, live, restore_point=point, earliest=earliest, now=NOW)
    assert expected == decided


versions = st.integers(0, 20)
ranges = st.tuples(versions, versions).map(lambda pair: SchemaRange(min(pair), max(pair)))


@given(target=ranges, live=versions, ago=st.none() | st.integers(0, 100))
def test_traffic_alone_goes_back_only_onto_a_schema_that_is_understood(
    target: SchemaRange, live: int, ago: int | None
) -> None:
    point = None if ago is None else NOW - timedelta(hours=ago)
    decided = decide_way_back(
        target, live, restore_point=point, earliest=NOW - timedelta(days=2), now=NOW
    )
    assert target.understands(live) == (decided.way is WayBack.TRAFFIC)
    assert (decided.loss is not None) == (decided.way is WayBack.RECOVERY)


@given(range=ranges)
def test_a_range_survives_as_annotations(range: SchemaRange) -> None:
    assert range == SchemaRange.from_annotations(range.as_annotations())


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {"leitstand.dev/schema-min": "1"},
        {"leitstand.dev/schema-min": "x", "leitstand.dev/schema-max": "2"},
    ],
)
def test_annotations_that_hold_no_range_give_none(annotations: dict[str, str]) -> None:
    assert SchemaRange.from_annotations(annotations) is None
