"""Waiting: for calls that are refused for the moment, and until something holds."""

from collections.abc import Callable, Iterator

import pytest

from leitstand.cloud.errors import Busy, CloudUnreachable, PermissionDenied
from leitstand.core.errors import LeitstandError, RunFailed
from leitstand.execution.waiting import start, until

LATE = RunFailed("Zu spät.", "Warten Sie.")
SILENT = CloudUnreachable("Lesen", "keine Antwort.")
BUSY = Busy("Ändern", "eine Operation läuft.")
DENIED = PermissionDenied("Ändern", "nein.")


def telling(*answers: object) -> Callable[[], object]:
    """Return a look that gives one answer after the other, the last one again and again."""

    def told() -> Iterator[object]:
        yield from answers
        while True:
            yield answers[-1]

    source = told()

    def look() -> object:
        answer = next(source)
        if isinstance(answer, LeitstandError):
            raise answer
        return answer

    return look


def waited(look: Callable[[], object], deadline: float = 5) -> tuple[object, int]:
    pauses: list[int] = []
    found = until(
        look, deadline=deadline, interval=0.001, watch=lambda: pauses.append(1), late=lambda: LATE
    )
    return found, len(pauses)


def test_what_is_found_is_returned_with_a_pause_before_each_further_look() -> None:
    assert ("da", 2) == waited(telling(None, None, "da"))


def test_an_empty_answer_counts_as_found() -> None:
    assert ("", 0) == waited(telling(""))


def test_a_look_without_an_answer_is_no_news() -> None:
    assert ("da", 2) == waited(telling(SILENT, SILENT, "da"))


@pytest.mark.parametrize(("answers", "error"), [((None,), LATE), ((SILENT,), SILENT)])
def test_at_the_deadline_the_last_look_says_why(
    answers: tuple[object, ...], error: LeitstandError
) -> None:
    with pytest.raises(type(error)) as raised:
        waited(telling(*answers), deadline=0.01)
    assert error is raised.value


def test_any_other_refusal_ends_the_wait_at_once() -> None:
    with pytest.raises(PermissionDenied):
        waited(telling(None, DENIED))


def test_a_call_is_tried_again_while_it_is_busy() -> None:
    assert "op" == start(telling(BUSY, BUSY, "op"), Busy, deadline=5, interval=0.001)


@pytest.mark.parametrize("error", [BUSY, DENIED])
def test_a_call_that_stays_refused_is_refused(error: LeitstandError) -> None:
    with pytest.raises(type(error)):
        start(telling(error), Busy, deadline=0.01, interval=0.001)
