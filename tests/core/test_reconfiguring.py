"""One variable of one service is changed, and nothing else of its template."""

from dataclasses import replace

import pytest

from leitstand.core.plan import Plan
from leitstand.core.reconfiguring import check_service, plan_variable, variable, with_variable
from leitstand.core.service import ServiceState, TrafficStatus
from leitstand.core.traffic import Share, Split

TEMPLATE = {
    "service_account": "run-web",
    "containers": [
        {
            "image": "web@sha256:1",
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "value_source": {"secret_key_ref": {"secret": "s", "version": "1"}}},
            ],
        }
    ],
}
SERVICE = ServiceState(
    name="projects/p/locations/r/services/web",
    etag="e",
    generation=4,
    settled=True,
    traffic=Split.of(Share("web-00004", 100)),
    statuses=(TrafficStatus("web-00004", 100),),
    latest_ready_revision="web-00004",
)


def plan(value: str | None, service: ServiceState = SERVICE) -> Plan:
    return plan_variable(
        service,
        TEMPLATE,
        runbook="r",
        environment="sandbox",
        name="A",
        value=value,
        restored="Gut.",
    )


def test_all_but_the_variable_stays_and_the_old_template_too() -> None:
    changed = with_variable(TEMPLATE, "A", "2")
    assert ("2", "1") == (variable(changed, "A"), variable(TEMPLATE, "A"))
    assert TEMPLATE["containers"][0]["env"][1] in changed["containers"][0]["env"]  # type: ignore[index]
    assert TEMPLATE == with_variable(changed, "A", "1") | {
        "containers": [
            {**with_variable(changed, "A", "1")["containers"][0],
             "env": TEMPLATE["containers"][0]["env"]}  # type: ignore[index]
        ]
    }  # fmt: skip
    assert variable(with_variable(TEMPLATE, "A", None), "A") is None


def test_a_secret_is_no_plain_value() -> None:
    assert variable(TEMPLATE, "B") is None


def test_the_revision_gets_ready_without_traffic_and_the_way_back_is_the_one_that_serves() -> None:
    made = plan("2")
    assert ["deploy_revision", "set_traffic"] == [action.kind for action in made.actions]
    deploy, traffic = made.actions
    assert "web-00004" == deploy.arguments["traffic"][0]["revision"]
    assert deploy.arguments["revision"] == traffic.arguments["traffic"][0]["revision"]
    assert "web-00004" == made.way_back[0].arguments["traffic"][0]["revision"]
    assert made == type(made).from_data(made.as_data())


@pytest.mark.parametrize(("value", "name"), [("2", "A"), (None, "A"), ("2", "C")])
def test_the_way_back_restores_the_template_too_so_that_later_changes_begin_without_the_value(
    value: str | None, name: str
) -> None:
    made = plan_variable(
        SERVICE, TEMPLATE, runbook="r", environment="sandbox", name=name, value=value, restored="."
    )
    assert ["set_traffic", "restore_template"] == [action.kind for action in made.way_back]
    traffic, restore = (action.arguments for action in made.way_back)
    assert TEMPLATE | {"revision": restore["revision"]} == restore["template"]
    assert traffic["traffic"] == restore["traffic"]
    assert {name: variable(TEMPLATE, name)} == restore["variables"]
    assert restore["revision"] != made.actions[0].arguments["revision"]


def test_tags_of_other_revisions_stay_on_the_way_and_on_the_way_back() -> None:
    split = Split.of(Share("web-00004", 100), Share("web-00002", 0, "old"))
    made = plan("2", replace(SERVICE, traffic=split))
    tags = [
        Split.from_data(action.arguments["traffic"]).tags()
        for action in (*made.actions, *made.way_back)
    ]
    assert [{"old": "web-00002"}] * 4 == tags


def test_nothing_is_planned_where_the_value_is_there() -> None:
    assert () == plan("1").actions
    assert 2 == len(plan(None).actions)


def test_a_service_between_two_revisions_or_not_settled_is_left_alone() -> None:
    split = Split.of(Share("web-00003", 90), Share("web-00004", 10))
    assert not all(check.passed for check in check_service(replace(SERVICE, traffic=split)))
    assert not all(check.passed for check in check_service(replace(SERVICE, settled=False)))
    assert all(check.passed for check in check_service(SERVICE))
