"""German texts are spelt as the dictionary or the project's list of words has it."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.docs.referenced import ROOT, hook

try:
    hook("spelling").speller()
except FileNotFoundError as missing:
    pytest.skip(f"There is no German dictionary: {missing}", allow_module_level=True)


@pytest.fixture(scope="module")
def where() -> Mapping[str, list[str]]:
    """All words of the project, with where they stand."""
    spelling = hook("spelling")
    found: Mapping[str, list[str]] = spelling.places(spelling.texts())
    return found


def test_every_word_is_known(where: Mapping[str, list[str]]):
    spelling = hook("spelling")
    unknown = spelling.unknown(where, spelling.listed_words(), spelling.speller())
    assert {} == {word: places[:3] for word, places in unknown.items()}


def test_no_word_is_listed_without_need(where: Mapping[str, list[str]]):
    spelling = hook("spelling")
    assert () == spelling.useless(where, spelling.listed_words(), spelling.speller())


def test_the_list_is_sorted_and_names_each_word_once():
    words = hook("spelling").listed_words()
    assert sorted(set(words), key=lambda word: (word.casefold(), word)) == list(words)


def unknown_in(tmp_path: Path, page: str = "", cell: str = "", program: str = "") -> dict[str, str]:
    """Return the unknown words of a small project, with their only places."""
    spelling = hook("spelling")
    for name, text in {
        "docs/seite.md": page,
        "runbooks/eines.ipynb": json.dumps(
            {"cells": [{"cell_type": "markdown", "source": [cell]}]}
        ),
        "lib/leitstand/teil.py": program,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    found = spelling.places(spelling.texts(tmp_path))
    return {
        word: places[0]
        for word, places in spelling.unknown(found, ["Runbook"], spelling.speller()).items()
    }


@pytest.mark.parametrize(
    ("texts", "unknown"),
    [
        ({"page": "Die Datenbnak\nstartet."}, {"Datenbnak": "docs/seite.md:1"}),
        ({"page": "```\nkwz\n```\n\nEin Fheler."}, {"Fheler": "docs/seite.md:5"}),
        ({"page": "Ein Runbook-Fheler."}, {"Fheler": "docs/seite.md:1"}),
        ({"page": "Die Strasse, daß"}, {"Strasse": "docs/seite.md:1", "daß": "docs/seite.md:1"}),
        ({"page": "Die Ausfuehrung"}, {"Ausfuehrung": "docs/seite.md:1"}),
        ({"cell": "Ein *Fheler*"}, {"Fheler": "runbooks/eines.ipynb:1"}),
        (
            {"program": "x = 1\ny = f'Der Fheler {x} ist da.'"},
            {"Fheler": "lib/leitstand/teil.py:2"},
        ),
    ],
)
def test_a_misspelling_is_found_with_its_place(
    tmp_path: Path, texts: dict[str, str], unknown: dict[str, str]
):
    assert unknown == unknown_in(tmp_path, **texts)


@pytest.mark.parametrize(
    "page",
    [
        "Das `kwzq` ist [gut](kwzq.md#kwzq) <span id=\"kwzq\"></span> <!-- kwzq -->",
        "Siehe https://kwzq.example/kwzq, kwzq.yaml, kwzq/kwzq, kwzq_kwzq, kwzq@kwzq.example.",
        "---\nkwzq: kwzq\n---\nRunbooks starten mit BigQuery, ACLs, v2.1 und web-kwzq.",
        "!!! kwzq \"Achtung\"\n    Gut.",
        "Die Wartungs&shy;seite ist da.",
    ],
)  # fmt: skip
def test_code_addresses_names_and_abbreviations_are_left_out(tmp_path: Path, page: str):
    assert {} == unknown_in(tmp_path, page=page.replace("Runbooks", "Läufe"))


def test_a_text_of_a_program_may_name_what_the_program_calls_so(tmp_path: Path):
    assert {} == unknown_in(
        tmp_path, program="kwzq = 1\ny = 'Der Wert kwzq ist da.'\n'''Fheler.'''"
    )


def test_a_listed_word_that_the_dictionary_knows_or_nobody_uses_is_found():
    spelling = hook("spelling")
    where = {"Runbook": ["x:1"], "Lauf": ["x:1"]}
    assert ("Lauf", "Podman") == spelling.useless(
        where, ["Lauf", "Podman", "Runbook"], spelling.speller()
    )


def test_the_list_lies_beside_the_pages_and_is_no_page():
    assert (ROOT / "docs" / "woerter.txt").is_file()
    assert "woerter.txt" in (ROOT / "mkdocs.yml").read_text("utf-8")
