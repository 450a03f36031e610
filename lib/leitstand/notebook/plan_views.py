"""Tables that many runbooks show alike: what is planned, and what was checked before."""

from collections.abc import Callable, Sequence

from leitstand.core.plan import Action, Plan
from leitstand.core.release_checks import Check
from leitstand.notebook.views import Row, Table, Tone

__all__ = ["checks_table", "plan_table"]


def plan_table(
    plan: Plan,
    text: Callable[[Action], str],
    *,
    title: str = "Plan",
    empty: str = "Nichts zu tun.",
) -> Table:
    """Return the actions of a plan and its way back.

    Args:
        plan: The plan; the title names its digest.
        text: Tells what an action does.
        title: What the plan is called.
        empty: What stands there when it has no action.
    """
    rows = [Row((action.id, text(action))) for action in plan.actions]
    rows += [Row((f"Rückweg: {action.id}", text(action))) for action in plan.way_back]
    return Table(f"{title} {plan.digest[:12]}", ("Aktion", "Was geschieht"), rows, empty)


def checks_table(
    checks: Sequence[Check],
    text: Callable[[Check], tuple[str, str]],
    *,
    title: str = "Vorprüfung",
) -> Table:
    """Return checks with their evidence; one that holds only because the operator
    accepted what it found is marked as open.

    Args:
        checks: In the order in which they are shown.
        text: Tells a check's title and its evidence.
        title: What the checks are called.
    """
    return Table(title, ("Prüfung", "Beleg"), [Row(text(check), _tone(check)) for check in checks])


def _tone(check: Check) -> Tone:
    if check.evidence.get("accepted"):
        return Tone.WAIT
    return Tone.GOOD if check.passed else Tone.BAD
