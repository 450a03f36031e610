"""Outputs in the journal are bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leitstand.notebook.cell_journal import bounded_outputs, bounded_text


def test_a_small_output_is_kept_as_it_is():
    output = {"output_type": "stream", "name": "stdout", "text": "x"}
    assert [output] == bounded_outputs([output])


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        ({"output_type": "stream", "name": "stdout", "text": "x" * 500}, {"text": "x" * 200}),
        ({"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["y" * 500]},
         {"ename": "E", "evalue": "v"}),
        ({"output_type": "display_data", "data": {"text/plain": "a", "image/png": "z" * 500}},
         {"data": {"text/plain": "a"}}),
        ({"output_type": "display_data", "data": {"text/plain": "a" * 500}},
         {"data": {"text/plain": "a" * 200}}),
    ],
)  # fmt: skip
def test_a_large_output_is_cut_and_marked(output: dict[str, object], kept: dict[str, object]):
    (cut,) = bounded_outputs([output], 200)
    assert cut["cut"] > 200
    assert kept == {name: cut[name] for name in kept}


@given(st.text(), st.integers(0, 20))
def test_text_is_cut_between_characters(text: str, most: int):
    cut = bounded_text(text, most)
    assert text.startswith(cut)
    assert len(cut.encode("utf-8", "surrogatepass")) <= most
