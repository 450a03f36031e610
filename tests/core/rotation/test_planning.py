"""The plan of a rotation: the new version, each reader in its turn, then the end of the old."""

from datetime import timedelta

from leitstand.core.plan import Plan
from leitstand.core.rotation.checks import check_rotation
from leitstand.core.rotation.planning import plan_rotation
from leitstand.core.rotation.recipes import Recipe
from leitstand.core.rotation.situation import Situation
from tests.core.rotation.estate import (
    DATABASE,
    DAY,
    PLAIN,
    job,
    revision,
    secret,
    service,
    situation,
)

ONE, TWO = {"key": "1"}, {"key": "2"}
WEB = service("web", revision("web-4", {**ONE, "other": "7"}, 100))
URL = service("web", revision("web-4", {"url": "1"}, 100))
NOT_KEPT = timedelta()


def plan(given: Situation, *, disable_old: bool = True) -> Plan:
    return plan_rotation(
        given, environment="sandbox", project="p", tag="candidate", disable_old=disable_old
    )


def ids(made: Plan) -> list[str]:
    return [action.id for action in made.actions]


def failed(given: Situation) -> list[str]:
    return [check.id for check in check_rotation(given) if not check.passed]


def test_a_candidate_is_probed_before_it_gets_the_traffic() -> None:
    made = plan(situation(WEB, jobs=(job("migrate", ONE),)))
    assert [
        "add-key", "try-key", "candidate-web", "probe-web", "adopt-web", "job-migrate",
    ] == ids(made)  # fmt: skip
    candidate = made.action("candidate-web").arguments
    assert [("web-4", 100, ""), (candidate["revision"], 0, "candidate")] == [
        (s["revision"], s["percent"], s["tag"]) for s in candidate["traffic"]
    ]
    env = candidate["template"]["containers"][0]["env"]
    assert ["2", "7"] == [v["value_source"]["secret_key_ref"]["version"] for v in env]
    assert [f"projects/p/locations/l/{x}" for x in ("jobs/migrate", "services/web")] == [
        target for target in made.targets if "locations" in target
    ]


def test_the_value_stands_nowhere_in_the_plan() -> None:
    assert "${generated:24}" == plan(situation(WEB)).action("add-key").arguments["value"]


def test_a_service_that_may_run_only_once_gets_no_candidate() -> None:
    beat = service("beat", revision("beat-1", ONE, 100), single=True)
    made = plan(situation(beat))
    assert ["add-key", "try-key", "adopt-beat"] == ids(made)
    assert "deploy_revision" == made.action("adopt-beat").kind


def test_tags_of_others_stay() -> None:
    old = revision("web-3", ONE, tags=("alt",))
    made = plan(situation(service("web", revision("web-4", ONE, 100), old)))
    last = made.action("adopt-web").arguments["traffic"]
    assert [(100, ""), (0, "alt")] == [(s["percent"], s["tag"]) for s in last]


def test_the_way_back_ends_with_the_new_version_disabled_and_not_destroyed() -> None:
    made = plan(situation(WEB, jobs=(job("migrate", ONE),)))
    assert ["back-web", "back-migrate", "template-web", "withdraw-key"] == [
        action.id for action in made.way_back
    ]
    assert {"version": 2, "state": "DISABLED"} == made.action("withdraw-key").arguments
    assert ONE == {"key": made.action("template-web").arguments["pins"]["key"][0]}
    assert "restore_template" == made.action("template-web").kind


def test_the_old_version_stays_while_the_replaced_revision_may_come_back() -> None:
    made = plan(situation(WEB))
    assert [["key", 1, "web-4", "kept"]] == [need[:4] for need in made.basis["needed"]]


def test_the_old_version_goes_at_once_where_nobody_needs_it() -> None:
    made = plan(situation(WEB, keep=NOT_KEPT))
    assert "disable-key-1" == ids(made)[-1]
    assert "disable-key-1" not in ids(plan(situation(WEB, keep=NOT_KEPT), disable_old=False))


def test_a_later_run_plans_only_the_disabling() -> None:
    old = revision("web-4", ONE, age=9 * DAY)
    web = service("web", revision("web-5", TWO, 100, age=8 * DAY), old)
    versions = (secret("key", "ENABLED", "ENABLED"),)
    made = plan(situation(web, secrets=versions))
    assert ["disable-key-1"] == ids(made)
    assert ["enable-key-1"] == [action.id for action in made.way_back]
    assert [] == ids(plan(situation(web, secrets=versions, keep=30 * DAY)))
    pinned = {"key": {"services.web": frozenset({"1"})}}
    still = plan(situation(web, secrets=versions, file=pinned))
    assert ([], "file") == (ids(still), still.basis["needed"][0][3])


def test_a_secret_that_is_due_again_is_rotated_although_an_older_version_is_left() -> None:
    web = service("web", revision("web-5", TWO, 100, age=100 * DAY))
    versions = (secret("key", "ENABLED", "ENABLED", age=100 * DAY, period=90 * 86400.0),)
    assert ["add-key", "disable-key-1"] == [
        i for i in ids(plan(situation(web, secrets=versions))) if i.startswith(("add", "disable"))
    ]


def test_a_database_password_goes_to_the_other_role() -> None:
    made = plan(situation(URL, recipe=DATABASE))
    assert ["add-password", "login", "add-url", "try-url"] == ids(made)[:4]
    login = made.action("login")
    assert ("app_b", "app", "password/2", "url/1") == tuple(
        login.arguments[key] for key in ("login", "role", "password", "url")
    )
    assert "app_b" == made.action("add-url").arguments["login"]
    assert "projects/p/instances/main" in made.targets


def test_the_roles_take_turns_and_the_old_one_is_closed_last() -> None:
    web = service("web", revision("web-5", {"url": "2"}, 100))
    states = (secret("password", "DISABLED", "ENABLED"), secret("url", "DISABLED", "ENABLED"))
    made = plan(situation(web, recipe=DATABASE, secrets=states, keep=NOT_KEPT, logins={2: "app_b"}))
    assert "app" == made.action("login").arguments["login"]
    assert ["disable-url-2", "disable-password-2", "close-app_b"] == ids(made)[-3:]
    assert "close-app_b" == made.point_of_no_return


def test_a_role_that_something_may_go_back_to_gets_no_other_password() -> None:
    old = revision("web-4", {"url": "1"}, image="b")
    web = service("web", revision("web-5", {"url": "2"}, 100), old)
    states = (secret("password", "ENABLED", "ENABLED"), secret("url", "ENABLED", "ENABLED"))
    given = situation(web, recipe=DATABASE, secrets=states, logins={1: "app", 2: "app_b"})
    assert ["login_free"] == failed(given)


def test_a_version_that_waits_is_adopted_and_none_is_added() -> None:
    brought = Recipe("key", "key", "${operator}", {})
    versions = (secret("key", "ENABLED", "ENABLED"),)
    given = situation(WEB, recipe=brought, secrets=versions, source="pending")
    assert [] == failed(given)
    assert ["try-key", "candidate-web"] == ids(plan(given))[:2]
    assert ["version_pending"] == failed(situation(WEB, recipe=brought, source="pending"))
    assert ["value_can_be_made"] == failed(situation(WEB, recipe=brought))


def test_a_password_of_the_database_cannot_be_brought_by_a_person() -> None:
    given = situation(URL, recipe=DATABASE, source="pending")
    assert "value_from_person" in failed(given)
    assert ["try-password"] == ids(plan(given))


def test_a_release_under_way_or_a_version_out_of_use_stops_the_rotation() -> None:
    canary = service("web", revision("web-5", ONE, 10), revision("web-4", ONE, 90))
    assert ["one_revision_serves"] == failed(situation(canary))
    assert ["version_in_use"] == failed(situation(WEB, secrets=(secret("key", "DISABLED"),)))


def test_a_version_in_use_that_is_disabled_is_enabled_and_nothing_else() -> None:
    made = plan(situation(WEB, secrets=(secret("key", "DISABLED"),)))
    assert ["enable-key-1"] == ids(made)
    assert "enable" == made.basis["way"]
    assert ["disable-key-1"] == [action.id for action in made.way_back]
    destroyed = situation(WEB, secrets=(secret("key", "DESTROYED"),))
    assert "enable" != plan(destroyed).basis["way"]


def test_an_auth_string_that_did_not_change_is_no_rotation() -> None:
    redis = Recipe("key", "key", "redis://:${auth:redis.instances/main}@h:1/0", {})
    assert ["auth_changed"] == failed(situation(WEB, recipe=redis))


def test_a_secret_that_nobody_pins_is_only_renewed() -> None:
    made = plan(situation(recipe=PLAIN))
    assert ["add-key", "try-key", "disable-key-1"] == ids(made)
