import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.audit.redaction import Redactor

SALT = b"0123456789abcdef"
SECRET = "q7Wz-4kLm_9XyT2vB8nR"


def put_together(pieces: list[str], *, cells: bool = False) -> str:
    stream = Redactor([SECRET], salt=SALT).stream()
    out = [stream.feed(piece) + (stream.flush() if cells else "") for piece in pieces]
    return "".join(out) + stream.flush()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 19])
@pytest.mark.parametrize("separator", ["", "\n"])
def test_a_known_value_in_pieces_never_goes_out(size, separator):
    pieces = [SECRET[at : at + size] + separator for at in range(0, len(SECRET), size)]
    mark = Redactor(salt=SALT).mark(SECRET)
    assert f"vorher\n{mark}" == put_together(["vorher\n", *pieces]).rstrip("\n")


@pytest.mark.parametrize("separator", ["", "\n"])
@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_value_that_two_cells_share_leaves_at_most_three_characters(cut, separator):
    out = put_together(
        ["vorher ", SECRET[:cut] + separator, SECRET[cut:] + "\nnachher\n"], cells=True
    )
    assert 3 >= max(
        (size for size in range(1, 20) for at in range(21 - size) if SECRET[at : at + size] in out),
        default=0,
    ) or (cut < 4 and SECRET[cut:] not in out)
    assert out.endswith("nachher\n")


def test_a_token_nobody_knows_is_found_in_pieces_of_one_line():
    out = put_together(["Token: gh", "p_abcdefghijklmnopq", "rstuvwxyz0123456789\n"])
    assert "abcdefgh" not in out


def test_a_private_key_waits_until_it_is_whole():
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkq\n" * 9 + "-----END PRIVATE KEY-----\n"
    out = put_together([*key.splitlines(True), "danach\n"])
    assert ("MIIE" in out, out.endswith("danach\n")) == (False, True)


def test_whole_lines_go_out_at_once():
    stream = Redactor([SECRET], salt=SALT).stream()
    assert "eins\nzwei\n" == stream.feed("eins\nzwei\ndr")
    assert "drei\n" == stream.feed("ei\n")


def test_a_bar_that_redraws_its_line_goes_out():
    assert "\r10 %\r" == Redactor(salt=SALT).stream().feed("\r10 %\r")


def test_a_line_without_an_end_does_not_wait_forever():
    stream = Redactor(salt=SALT).stream()
    assert 900_000 < len(stream.feed("ein Wort " * 111_111))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 79), max_size=6), st.sampled_from(["", "\n", " "]))
def test_how_text_is_cut_does_not_change_what_goes_out(cuts, gap):
    text = f"Zeile 1\npassword=Hunter2xyz\n{SECRET}{gap}postgres://a:bcdefg@h/d\nEnde ohne Umbruch"
    edges = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[a:b] for a, b in zip([0, *edges], [*edges, len(text)], strict=True)]
    whole = Redactor([SECRET], salt=SALT).text(text)
    assert whole == put_together(pieces)


def cell(text: str, **more: object) -> dict[str, object]:
    output = {"output_type": "stream", "name": "stdout", "text": text}
    return {"cell_type": "code", "source": "", "metadata": {}, "outputs": [output], **more}


@pytest.mark.parametrize("gap", ["", "\n"])
def test_a_notebook_whose_cells_share_a_secret_holds_none_of_its_pieces(gap):
    cells = [cell(SECRET[:2] + gap), cell(SECRET[2:9] + gap), cell(SECRET[9:] + "\nweiter\n")]
    masked = Redactor([SECRET], salt=SALT).notebook({"cells": cells, "metadata": {}})
    texts = [one["outputs"][0]["text"] for one in masked["cells"]]
    assert [Redactor(salt=SALT).mark(SECRET), "", "\nweiter\n"] == [
        texts[0].rstrip("\n"), texts[1].rstrip("\n"), texts[2]
    ]  # fmt: skip


def test_a_token_that_two_outputs_share_is_masked():
    cells = [cell("Token ghp_abcdefghij"), cell("klmnopqrstuvwxyz0123456789\n")]
    masked = Redactor(salt=SALT).notebook({"cells": cells, "metadata": {}})
    assert ("abcdefg" in str(masked), "0123456" in str(masked)) == (False, False)


@pytest.mark.parametrize(
    "other", ["kW2-another-value-9", "vB8nR-another-value", "R0-yet-another-one"]
)
def test_a_value_whose_end_could_begin_another_one_never_goes_out(other):
    stream = Redactor([SECRET, SECRET[:-1] + "k", other], salt=SALT).stream()
    out = stream.feed(f"Wert {SECRET}\n") + stream.feed(f"Wert {SECRET[:-1]}k\n") + stream.flush()
    assert SECRET[:-1] not in out
