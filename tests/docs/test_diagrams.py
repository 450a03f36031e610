"""Diagrams: each drawing belongs to its source, and a page shows both."""

from pathlib import Path

import pytest

from tests.docs.referenced import hook

ROOT = Path(__file__).resolve().parents[2]
DIAGRAMS = ROOT / "docs" / "diagramme"
SOURCE = "flowchart LR\n  accTitle: Ein Weg\n  accDescr: Von A nach B.\n  A --> B\n"

diagrams = hook("diagrams")
drawing = hook("drawing")


@pytest.mark.parametrize("name", sorted(path.stem for path in DIAGRAMS.glob("*.mmd")))
def test_each_diagram_has_a_title_and_is_drawn_from_its_present_source(name: str):
    source = (DIAGRAMS / f"{name}.mmd").read_text("utf-8")
    assert diagrams.digest(source) in diagrams.drawn(), "run nox -s diagrams"
    assert "Diagramm" != diagrams.title_of(source)


def test_every_drawing_has_a_source_and_no_colours_of_its_own():
    for path in DIAGRAMS.glob("*.svg"):
        assert path.with_suffix(".mmd").exists()
        assert [] == drawing.COLOUR.findall(path.read_text("utf-8"))


def test_a_figure_shows_the_drawing_with_its_name_and_the_source():
    svg = f'<svg data-quelle="{diagrams.digest(SOURCE)}" width="400" height="100"></svg>'
    shown = diagrams.figure(SOURCE, {diagrams.digest(SOURCE): svg})
    assert '<svg aria-label="Ein Weg. Von A nach B." style="min-width:300px" data-quelle=' in shown
    assert "A --&gt; B" in shown


def test_a_diagram_without_a_drawing_shows_its_source():
    shown = diagrams.figure(SOURCE, {})
    assert "<svg" not in shown
    assert "A --&gt; B" in shown


def test_a_colour_that_could_not_follow_the_scheme_is_refused():
    assert "fill:var(--diagramm-text)" == drawing.painted("fill:rgb(1, 2, 5)")
    with pytest.raises(ValueError, match="#ff0000"):
        drawing.painted('<rect fill="#ff0000"/>')
