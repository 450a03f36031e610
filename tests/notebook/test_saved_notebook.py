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


def from_kernel(redactor: RunRedactor, *values: str) -> set[str]:
    """Learn values as the run's kernel tells them."""
    told = redactor.new_kernel()
    redactor.learn(values)
    told.update(values)
    return told


def test_a_value_that_was_learnt_in_the_middle_of_a_cell_is_masked_in_what_was_shown_before():
    redactor = RunRedactor(bytes(32))
    told = from_kernel(redactor, "another-value-7Xq")
    since = redactor.version_of_kernel
    shown = [displayed("text/html", f"<b>{SECRET}</b>"), displayed("text/plain", SECRET)]
    redactor.learn([SECRET])
    told.add(SECRET)
    masked = SavedNotebook(redactor).outputs(shown, since=since)
    assert SECRET not in json.dumps(masked)


def test_what_the_kernel_masked_when_it_knew_all_is_not_looked_at_again():
    redactor = RunRedactor(bytes(32))
    from_kernel(redactor, SECRET)
    shown = [displayed("text/plain", SECRET)]
    assert shown == SavedNotebook(redactor).outputs(shown, since=redactor.version_of_kernel)


def test_a_stream_is_always_looked_at_since_the_kernel_sees_it_in_pieces():
    redactor = RunRedactor(bytes(32))
    from_kernel(redactor, SECRET)
    shown = [printed("\n".join(SECRET))]
    masked = SavedNotebook(redactor).outputs(shown, since=redactor.version_of_kernel)
    assert [redactor.output(shown[0])] == masked


def test_a_value_that_only_the_runner_knows_is_masked_whatever_the_kernel_knew():
    redactor = RunRedactor(bytes(32))
    from_kernel(redactor, "another-value-7Xq")
    redactor.learn([SECRET])
    shown = [displayed("text/plain", SECRET)]
    masked = SavedNotebook(redactor).outputs(shown, since=redactor.version_of_kernel)
    assert SECRET not in json.dumps(masked)


def test_a_value_that_crosses_two_outputs_is_masked_also_where_the_kernel_knew_it():
    redactor = RunRedactor(bytes(32))
    from_kernel(redactor, SECRET)
    shown = [displayed("text/plain", half) for half in (SECRET[:8], SECRET[8:])]
    masked = SavedNotebook(redactor).outputs(shown, since=redactor.version_of_kernel)
    assert SECRET[:8] not in json.dumps(masked)
    assert SECRET[8:] not in json.dumps(masked)


def test_cells_that_differ_in_their_outputs_only_are_not_taken_for_each_other():
    redactor = RunRedactor(bytes(32))
    redactor.learn([SECRET])
    shown = notebook(printed(f"Wert {SECRET}\n"))
    shown.cells.append(from_dict({**shown.cells[0], "outputs": []}))
    copy = SavedNotebook(redactor).masked(shown)
    assert [1, 0] == [len(cell.outputs) for cell in copy.cells]
    assert SECRET not in v4.writes(copy)


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
