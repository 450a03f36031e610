"""The copies of a notebook that are written hold no secret, and the notebook stays as it is."""

import json
from typing import Any

import pytest
from nbformat import NotebookNode, from_dict, v4

from leitstand.audit.run_redactor import RunRedactor
from leitstand.notebook.saved_notebook import SavedNotebook

SECRET = "Kx7vQ9zLm4wT2pR8"


def notebook(*outputs: Any) -> NotebookNode:
    cell = v4.new_code_cell("run.observe()", outputs=list(outputs))
    return from_dict(v4.new_notebook(cells=[cell]))


def printed(text: str | list[str]) -> NotebookNode:
    return from_dict({"output_type": "stream", "name": "stdout", "text": text})


def displayed(kind: str, content: Any) -> NotebookNode:
    return from_dict({"output_type": "display_data", "data": {kind: content}, "metadata": {}})


def test_a_value_that_was_learnt_after_it_was_shown_is_masked_at_the_next_save():
    redactor = RunRedactor(bytes(32))
    saved, shown = SavedNotebook(redactor), notebook(printed(f"Wert {SECRET}\n"))
    assert SECRET in v4.writes(saved.masked(shown))
    redactor.learn([SECRET])
    assert SECRET not in v4.writes(saved.masked(shown))


WORD = "Tr0ub4"
LINES = [f"{SECRET[:8]}\n", f"{SECRET[8:]}\n"]
QUOTED = "p<7&x'9\"Qz-41"
SHOWN = {
    "a short word after a tab": (WORD, printed(f"Wert\t{WORD}\n")),
    "a short word in colour": (WORD, printed(f"\x1b[32m{WORD}\x1b[0m")),
    "a short word in a list": (WORD, displayed("application/json", ["a", WORD, "b"])),
    "a short word after a line": (WORD, printed(["Wert:\n", WORD])),
    "divided by a tab": (SECRET, printed(f"{SECRET[:8]}\t{SECRET[8:]}")),
    "divided by a colour": (SECRET, printed(f"{SECRET[:8]}\x1b[1m{SECRET[8:]}")),
    "divided by tags": (SECRET, displayed("text/html", f"<b>{SECRET[:8]}</b><i>{SECRET[8:]}</i>")),
    "divided by lines": (SECRET, printed(LINES)),
    "divided by lines of HTML": (SECRET, displayed("text/html", ["<b>", *LINES, "</b>"])),
    "with entities of another kind": (
        QUOTED, displayed("text/html", "<p>p&#60;7&#x26;x&apos;9&#34;Qz-41</p>"),
    ),
    "a number": ("83514772", displayed("application/json", {"pin": 83514772})),
    "a name": (SECRET, displayed("application/json", {SECRET: 1})),
}  # fmt: skip


@pytest.mark.parametrize("case", SHOWN)
def test_a_value_that_was_learnt_late_is_found_however_it_was_written(case: str) -> None:
    value, output = SHOWN[case]
    redactor = RunRedactor(bytes(32))
    saved = SavedNotebook(redactor)
    assert [output] == saved.outputs([output])
    redactor.learn([value])
    (masked,) = saved.outputs([output])
    assert "[geheim:" in json.dumps(masked)
    for piece in (value[:6], value[-6:]):
        assert piece not in json.dumps(masked)


def test_a_picture_is_not_searched_for_a_value() -> None:
    redactor = RunRedactor(bytes(32))
    redactor.learn([SECRET])
    picture = displayed("image/png", f"iVBOR{SECRET}")
    assert [picture] == SavedNotebook(redactor).outputs([picture])


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
