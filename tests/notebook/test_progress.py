"""Progress of a step: the message and how it reads."""

import pytest

from leitstand.notebook.progress import (
    MIME_TYPE,
    Progress,
    ProgressState,
    bundle,
    read_progress,
    render_html,
)


def test_a_message_comes_back_from_its_bundle():
    state = ProgressState("deploy", "Ausrollen", "running", 3.25, 30.0, "wartet auf Revision")
    assert state == read_progress(bundle(state))


@pytest.mark.parametrize("data", [{}, {MIME_TYPE: 1}, {MIME_TYPE: {"state": "odd"}}])
def test_what_is_no_message_is_none(data: dict[str, object]):
    assert read_progress(data) is None


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (ProgressState("a", "Titel", "running", 3.2, 30.0, "x"), "Titel: läuft · 3,2 von 30 s · x"),
        (ProgressState("a", "Titel", "running", 3.2), "Titel: läuft · 3,2 s"),
        (ProgressState("a", "Titel", "done", 3.2, 30.0), "Titel: fertig · 3,2 s"),
    ],
)
def test_it_reads_as_one_german_line(state: ProgressState, text: str):
    assert text == state.text()


def test_html_escapes_what_comes_from_outside():
    html = render_html(ProgressState("a", "<b>", "running", 1.0, 2.0, "<script>"))
    assert "<script>" not in html
    assert "width:50%" in html


def test_a_step_ends_as_done_or_failed_and_measures_its_time():
    times = iter([0.0, 1.0, 1.0, 4.0, 4.0, 4.0])
    progress = Progress("a", "Titel", clock=lambda: next(times))
    with progress:
        pass
    assert ("done", 4.0) == (progress.state.state, progress.state.elapsed)
    failing = Progress("a", "Titel")
    with pytest.raises(ValueError, match="x"), failing:
        raise ValueError("x")
    assert "failed" == failing.state.state


def test_an_end_that_was_told_stays():
    with Progress("a", "Titel") as progress:
        progress.end("paused", "zu wenig Verkehr")
    assert ("paused", "zu wenig Verkehr") == (progress.state.state, progress.state.detail)
