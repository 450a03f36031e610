"""The copies of a notebook that are written hold no secret, and the notebook stays as it is."""

from typing import Any

from nbformat import NotebookNode, from_dict, v4

from leitstand.audit.run_redactor import RunRedactor
from leitstand.notebook.saved_notebook import SavedNotebook

SECRET = "Kx7vQ9zLm4wT2pR8"


def notebook(*outputs: Any) -> NotebookNode:
    cell = v4.new_code_cell("run.observe()", outputs=list(outputs))
    return from_dict(v4.new_notebook(cells=[cell]))


def printed(text: str) -> NotebookNode:
    return from_dict({"output_type": "stream", "name": "stdout", "text": text})


def test_a_value_that_was_learnt_after_it_was_shown_is_masked_at_the_next_save():
    redactor = RunRedactor(bytes(32))
    saved, shown = SavedNotebook(redactor), notebook(printed(f"Wert {SECRET}\n"))
    assert SECRET in v4.writes(saved.masked(shown))
    redactor.learn([SECRET])
    assert SECRET not in v4.writes(saved.masked(shown))


def test_a_value_that_white_space_divides_is_masked_too():
    redactor = RunRedactor(bytes(32))
    redactor.learn([SECRET])
    divided = f"{SECRET[:8]}\n{SECRET[8:]}\n"
    written = v4.writes(SavedNotebook(redactor).masked(notebook(printed(divided))))
    assert SECRET[8:] not in written


def test_an_error_that_the_runner_put_there_is_masked_by_all_rules():
    failed = from_dict(
        {"output_type": "error", "ename": "E", "evalue": f"password={SECRET}", "traceback": []}
    )
    written = v4.writes(SavedNotebook(RunRedactor(bytes(32))).masked(notebook(failed)))
    assert SECRET not in written


def test_a_secret_that_two_cells_share_in_pieces_is_masked_at_the_end():
    redactor = RunRedactor(bytes(32))
    redactor.learn([SECRET])
    shown = notebook(printed(SECRET[:8]))
    shown.cells.append(v4.new_code_cell("more", outputs=[printed(SECRET[8:])]))
    written = v4.writes(SavedNotebook(redactor).masked(shown, final=True))
    assert SECRET[:8] not in written
    assert SECRET[8:] not in written


def test_the_notebook_itself_stays_as_it_is():
    redactor = RunRedactor(bytes(32))
    redactor.learn([SECRET])
    shown = notebook(printed(SECRET))
    before = v4.writes(shown)
    SavedNotebook(redactor).masked(shown, final=True)
    assert before == v4.writes(shown)
