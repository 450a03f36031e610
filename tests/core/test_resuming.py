"""A run goes on only with a library, a project and a journal that fit what is left of it."""

from typing import Any

import pytest

from leitstand.core.open_run_errors import JournalTooNew, LibraryChanged, OtherProject
from leitstand.core.plan import Action, Plan
from leitstand.core.resuming import check_format, check_left, check_project

PLAN = Plan(
    "release", "prod", "services/web", {}, (Action("a", "set", "web"), Action("b", "put", "web"))
)
OLD, NEW = {"version": "1.0", "lock_digest": "sha256:aa"}, {"version": "1.1"}


def journal(*more: dict[str, Any], data: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [
        {"event": "run.started", "library": OLD},
        {"event": "plan.made", "plan": data or PLAN.as_data(), "digest": PLAN.digest},
        {"event": "approval.given", "digest": PLAN.digest},
        *more,
    ]


BEGUN = {"event": "action.intent", "id": "a"}
DONE = {"event": "action.outcome", "id": "a", "status": "done"}


@pytest.mark.parametrize(
    ("events", "kinds"),
    [
        (journal(), ()),
        (journal(data={"strange": 1}), ()),
        (journal(BEGUN), {"set", "put"}),
        (journal(BEGUN, DONE), {"put"}),
    ],
    ids=["nothing begun", "nothing begun of a strange plan", "all known", "the unknown is done"],
)
def test_a_library_that_does_the_same_goes_on(events: list[Any], kinds: set[str]) -> None:
    check_left("r", events, NEW, kinds)


@pytest.mark.parametrize(
    ("events", "kinds", "said"),
    [
        (journal(BEGUN), {"set"}, r"Er kennt die Aktion b \(put\) nicht"),
        (journal(BEGUN, {**DONE, "status": "failed"}), {"put"}, "die Aktion a"),
        (
            journal(BEGUN, data={**PLAN.as_data(), "target": "other"}),
            {"set", "put"},
            "liest den freigegebenen Plan",
        ),
        (
            journal(BEGUN, data={"actions": [{"id": "a"}]}),
            {"set", "put"},
            "liest den freigegebenen Plan",
        ),
    ],
)
def test_a_library_that_would_do_something_else_does_not(
    events: list[Any], kinds: set[str], said: str
) -> None:
    with pytest.raises(LibraryChanged, match=said) as refused:
        check_left("r", events, NEW, kinds)
    assert "1.0 (aa), jetzt 1.1" in refused.value.message


def test_a_journal_of_a_newer_form_is_refused_and_an_old_one_is_not() -> None:
    check_format("r", {}, 1)
    check_format("r", {"format": 1}, 1)
    for said in (2, "neu", None):
        with pytest.raises(JournalTooNew, match="Aktualisieren Sie"):
            check_format("r", {"format": said}, 1)


def test_another_project_is_refused_and_an_untold_one_is_not() -> None:
    check_project("r", "prod", {}, "p2")
    check_project("r", "prod", {"project": "p2"}, "p2")
    with pytest.raises(OtherProject, match="begann im Projekt p1; prod ist hier p2"):
        check_project("r", "prod", {"project": "p1"}, "p2")
