"""What a notebook says about itself before it runs."""

import json
from pathlib import Path

import pytest

from leitstand.core.parameter_errors import ParameterCellInvalid
from leitstand.notebook.template import (
    NotebookUnreadable,
    UnknownRunbook,
    find_template,
    list_templates,
    read_template,
)

NOTEBOOKS = Path(__file__).parent / "notebooks"


def test_title_purpose_and_parameters_are_read():
    template = read_template(NOTEBOOKS / "sound.ipynb")
    assert ("sound", "Ein Notebook ohne Fehler", "Zählt.") == (
        template.name, template.title, template.purpose
    )  # fmt: skip
    assert ["env", "count", "ticket", "apply"] == [p.name for p in template.parameters]
    assert template.digest.startswith("sha256:")


def test_a_notebook_without_parameters_cell_is_fine():
    template = read_template(NOTEBOOKS / "no_parameters_cell.ipynb")
    assert (False, ()) == (template.parameterised, template.parameters)


def test_a_source_may_be_one_string(tmp_path: Path):
    cells = [{"cell_type": "markdown", "source": "# Titel\n\n## Zweck\nDarum.\n\n## Plan\nx"}]
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert ("Titel", "Darum.") == (read_template(path).title, read_template(path).purpose)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"cells": 1}', '{"cells": [1]}', "\x00"])
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, content: str):
    path = tmp_path / "a.ipynb"
    path.write_text(content)
    with pytest.raises(NotebookUnreadable, match="kein lesbares Notebook"):
        read_template(path)


def test_an_untyped_parameter_is_refused():
    with pytest.raises(ParameterCellInvalid):
        read_template(NOTEBOOKS / "untyped_parameter.ipynb")


def test_a_runbook_is_found_by_name_and_any_notebook_by_path():
    sound = (NOTEBOOKS / "sound.ipynb").resolve()
    assert sound == find_template("sound", NOTEBOOKS).resolve()
    assert sound == find_template(str(NOTEBOOKS / "sound.ipynb"), None)


def test_a_misspelt_name_is_refused_with_the_one_that_was_meant():
    with pytest.raises(UnknownRunbook, match="Meinten Sie „sound“"):
        find_template("suond", NOTEBOOKS)


def test_runbooks_come_in_the_order_of_their_names(tmp_path: Path):
    for name in ("b.ipynb", "a.ipynb", "c.txt"):
        (tmp_path / name).touch()
    assert ["a.ipynb", "b.ipynb"] == [path.name for path in list_templates(tmp_path)]
