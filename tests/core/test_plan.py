"""Plans: digest, data form, approvals."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.core.plan import Action, Approval, Approved, DigestMismatch, Plan, UnknownAction

LATER = datetime(2030, 1, 1, tzinfo=UTC)
text = st.text(max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
actions = st.builds(
    Action, id=text, kind=text, target=text, arguments=st.dictionaries(text, json_values)
)
plans = st.builds(
    Plan,
    runbook=text,
    environment=text,
    target=text,
    basis=st.dictionaries(text, text, max_size=2),
    actions=st.lists(actions, max_size=3).map(tuple),
    way_back=st.lists(actions, max_size=1).map(tuple),
)


@given(plan=plans)
def test_a_plan_survives_being_written_as_data(plan: Plan) -> None:
    assert plan == Plan.from_data(plan.as_data())
    assert plan.digest == Plan.from_data(plan.as_data()).digest


@given(one=plans, other=plans)
def test_plans_with_the_same_digest_are_the_same(one: Plan, other: Plan) -> None:
    assert (one.digest == other.digest) == (one == other)


def test_an_approval_holds_for_exactly_one_plan() -> None:
    plan = Plan("release", "sandbox", "web", {"etag": "1"}, (Action("a", "k", "web"),))
    changed = Plan("release", "sandbox", "web", {"etag": "2"}, (Action("a", "k", "web"),))
    approval = Approval(plan.digest, "someone", LATER)
    assert plan == Approved(plan, approval).plan
    with pytest.raises(DigestMismatch):
        Approved(changed, approval)


def test_actions_are_found_by_id_in_the_plan_and_in_its_way_back() -> None:
    forth, back = Action("forth", "k", "web"), Action("back", "k", "web")
    plan = Plan("release", "sandbox", "web", {}, (forth,), (back,))
    assert (forth, back) == (plan.action("forth"), plan.action("back"))
    with pytest.raises(UnknownAction):
        plan.action("sideways")
