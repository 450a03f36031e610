"""Who holds whom up, and what ends it."""

from datetime import UTC, datetime

from leitstand.core.database_state import Block, Session
from leitstand.core.sessions import Client, first_holders, plan_end, waiting_behind

AT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)


def session(pid: int) -> Session:
    return Session(pid, f"s{pid}", "app", AT, 1.0)


def block(waiting: int, blocker: int) -> Block:
    return Block(session(waiting), session(blocker), "AccessExclusiveLock", "public.documents")


def test_those_who_wait_through_others_wait_behind_the_first() -> None:
    blocks = [block(2, 1), block(3, 2), block(4, 3), block(9, 8)]
    assert {2, 3, 4} == waiting_behind(blocks, 1)
    assert (1, 8) == first_holders(blocks)


def test_who_waits_in_a_circle_holds_nobody_up_first() -> None:
    assert () == first_holders([block(1, 2), block(2, 1)])
    assert {2} == waiting_behind([block(1, 2), block(2, 1)], 1)


def test_the_plan_names_one_transaction_of_one_session_and_has_no_way_back() -> None:
    client = Client(1, "web", "app", "idle in transaction", AT, AT, 60.0)
    plan = plan_end(client, [block(2, 1)], environment="prod", database="d")
    assert ("session_end",) == tuple(action.kind for action in plan.actions)
    assert AT.isoformat() == plan.actions[0].arguments["transaction_at"]
    assert () == plan.way_back
    assert [2] == plan.basis["waiting"]
