"""Plans and checks look the same in every runbook."""

import pytest

from leitstand.core.plan import Action, Plan
from leitstand.core.release_checks import Check
from leitstand.notebook.plan_views import checks_table, plan_table
from leitstand.notebook.views import Tone

STOP = Action("stop", "scale", "services/worker", {"to": 0})
START = Action("start", "scale", "services/worker", {"to": 2})


def text(action: Action) -> str:
    return f"Stellt {action.target} auf {action.arguments['to']}."


def plan(*actions: Action) -> Plan:
    way_back = (START,) if actions else ()
    return Plan("pause_queue", "sandbox", "services/worker", {}, actions, way_back)


def test_a_plan_is_shown_with_its_way_back_under_its_digest() -> None:
    made = plan(STOP)
    assert [
        f"Plan {made.digest[:12]}",
        "  Aktion          Was geschieht",
        "  stop            Stellt services/worker auf 0.",
        "  Rückweg: start  Stellt services/worker auf 2.",
    ] == repr(plan_table(made, text)).splitlines()


def test_a_plan_without_actions_says_so_in_the_words_of_its_runbook() -> None:
    made = plan()
    title = made.digest[:12]
    assert f"Plan {title}\n  Nichts zu tun." == repr(plan_table(made, text))
    named = plan_table(made, text, title="Schema", empty="Nichts steht an.")
    assert f"Schema {title}\n  Nichts steht an." == repr(named)


@pytest.mark.parametrize(
    ("check", "tone"),
    [
        (Check("settled", True), Tone.GOOD),
        (Check("settled", False), Tone.BAD),
        (Check("settled", True, {"accepted": True}), Tone.WAIT),
        (Check("settled", False, {"accepted": False}), Tone.BAD),
    ],
    ids=["green", "red", "accepted", "not accepted"],
)
def test_a_check_has_the_colour_of_what_came_of_it(check: Check, tone: Tone) -> None:
    table = checks_table([check], lambda c: (c.id, "Beleg"))
    assert ("Vorprüfung", [tone]) == (table.title, [row.tone for row in table.rows])
