"""How a finding names its place."""

import pytest

from leitstand.core.records.findings import FindingKind, Place, RecordFinding


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(7), "Beleg 7"),
        (Place(7, "notebook.ipynb"), "Beleg 7, notebook.ipynb"),
        (Place(7, "", 12, 13), "Beleg 7, Byte 12"),
        (Place(7, "journal.jsonl", 0, 4096), "Beleg 7, journal.jsonl, Byte 0–4095"),
        (Place(7, "journal.jsonl", 5), "Beleg 7, journal.jsonl, Byte 5"),
        (Place(0, "chain/x"), "chain/x"),
    ],
)
def test_a_place_is_named_as_closely_as_it_is_known(place: Place, text: str):
    assert text == str(place)


@pytest.mark.parametrize("kind", FindingKind)
def test_every_kind_has_a_sentence(kind: FindingKind):
    assert str(RecordFinding(kind, Place(7))).startswith("Beleg 7: ")


def test_only_what_has_an_honest_cause_breaks_nothing():
    honest = {FindingKind.CLOCK_BACK, FindingKind.JOURNAL_GAP, FindingKind.UNREFERENCED}
    assert honest == {kind for kind in FindingKind if not RecordFinding(kind, Place(7)).breaks}
