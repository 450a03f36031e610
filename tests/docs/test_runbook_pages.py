"""Pages of runbooks: a whole head on each, the lists by task and by symptom, and how both fail."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from leitstand.core.triage.hypotheses import Cause
from leitstand.notebook.template import list_templates, read_template
from tests.docs.referenced import ROOT, hook
from tests.docs.rehearsed_project import kept, notebook_of, project_with

conversion, lists, texts = map(hook, ("notebook_conversion", "runbook_lists", "runbook_texts"))
heads, runbooks, results = map(hook, ("runbook_head", "runbooks", "rehearsal_results"))

TEMPLATES = {path.stem: read_template(path) for path in list_templates(ROOT / "runbooks")}
TEXTS = texts.read_texts(ROOT / texts.TEXTS)
FACTS = ("Zweck", "Gefahr", "Dauer in der Übung", "Letzte Übung", "Letzte Läufe")
PLACES = {"starten", "in-jupyterlab", "auf-der-kommandozeile", "nach-zeitplan", "alle-parameter"}


def text_of(page: Path) -> str:
    """Return what a page says, without tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8")))


def page_of(site: Path, name: str) -> Path:
    return site / "runbooks" / f"{name}.html"


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_head_of_a_runbook_is_whole(site: Path, name: str):
    source = page_of(site, name).read_text("utf-8")
    table = source.partition("<th>Steckbrief</th>")[2].partition("</table>")[0]
    rows = re.findall(r"<td><strong>([^<]+)</strong></td>\s*<td>(.+?)</td>", table, re.DOTALL)
    assert FACTS == tuple(fact for fact, _ in rows)
    assert PLACES <= set(re.findall(r'<h[23] id="([^"]+)"', source))
    assert source.index('id="starten"') < source.index('id="zweck"')


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_head_tells_how_to_start_the_runbook_and_what_it_takes(site: Path, name: str):
    text = text_of(page_of(site, name))
    assert f"leitstand lab {name}" in text
    assert re.search(rf"leitstand run {name}\b.* --env prod --ticket OPS-4711", text)
    source = page_of(site, name).read_text("utf-8")
    table = source.partition('id="alle-parameter"')[2].partition("</table>")[0]
    found = [html.unescape(re.sub(r"<[^>]+>", "", row)) for row in table.split("<tr>")[2:]]
    assert {p.name for p in TEMPLATES[name].parameters} == {row.split()[0] for row in found}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_page_says_whether_its_outputs_are_of_a_rehearsal(site: Path, name: str):
    page = page_of(site, name)
    text = text_of(page)
    executed = "Die Ergebnisse auf dieser Seite stammen aus einer Übung" in text
    assert ("Ohne Ergebnisse" not in text) == executed
    if executed:
        notebook = json.loads((ROOT / results.REHEARSALS / name / "notebook.ipynb").read_text())
        outputs = sum(len(cell.get("outputs", [])) for cell in notebook["cells"])
        assert outputs == page.read_text("utf-8").count('class="jp-OutputArea-child')


def test_a_page_shows_the_executed_notebook_only_while_it_fits(tmp_path: Path):
    root = project_with(tmp_path, ["gut"])
    rehearsal = kept(root)
    template = root / "runbooks" / "gut.ipynb"
    known = runbooks.Runbooks(
        root, {"gut": read_template(template)}, texts.Texts({}, ()), {"gut": rehearsal}
    )
    assert root / results.REHEARSALS / "gut" / "notebook.ipynb" == known.source("gut")
    template.write_text(notebook_of("Anders"), "utf-8")
    assert template == known.source("gut")


def test_the_contents_of_a_page_begin_with_its_head(site: Path):
    source = page_of(site, "release").read_text("utf-8")
    contents = re.findall(r'<a href="#([^"]+)" class="md-nav__link">', source)
    assert ["starten", "zweck"] == [
        place for place in dict.fromkeys(contents) if place in {"starten", "zweck"}
    ]


def test_the_command_that_changes_something_has_what_only_it_needs(site: Path):
    text = text_of(page_of(site, "incident"))
    commands = [line for line in text.splitlines() if line.startswith("leitstand run incident")]
    assert {True} == {"-p treat=1" in line for line in commands if "--apply" in line}
    assert any("-p treat=1" not in line for line in commands)


def test_a_text_with_a_parameter_that_there_is_not_is_a_fault():
    about = texts.About("prüfen", applied={"behandeln": 1})
    known = {"release": TEMPLATES["release"]}
    faults = texts.texts_faults(texts.Texts({"release": about}, TEXTS.symptoms), known)
    assert any("release has no parameter behandeln" in fault for fault in faults)


def test_a_page_carries_no_style_of_its_own(site: Path):
    assert all(page_of(site, name).stat().st_size < 1_000_000 for name in TEMPLATES)


def test_every_runbook_stands_in_the_overview(site: Path):
    source = page_of(site, "index").read_text("utf-8")
    assert set(TEMPLATES) <= set(re.findall(r'<td><a href="(\w+)\.html">', source))


def test_every_cause_has_a_symptom_whose_runbook_stands_on_the_page(site: Path):
    assert set(Cause) <= {symptom.cause for symptom in TEXTS.symptoms}
    text = re.sub(r"\s+", " ", text_of(page_of(site, "finden")))
    missing = [
        symptom.see
        for symptom in TEXTS.symptoms
        if symptom.see not in text or lists.command_for(symptom) not in text
    ]
    assert [] == missing


def test_our_texts_fit_the_runbooks_the_causes_and_the_drills():
    assert [] == texts.texts_faults(TEXTS, TEMPLATES)


@pytest.mark.parametrize(
    ("symptom", "fault"),
    [
        ({"runbook": "gone"}, "names the runbook gone, which there is not"),
        ({"cause": "gone"}, "names the cause gone, which there is not"),
        ({"runbook": "scale", "cause": "bad-release"}, "treats bad-release with scale"),
        ({"parameters": {"gone": 1}}, "rollback has no parameter gone"),
        ({"parameters": {"apply": True}}, "rollback has no parameter apply"),
        ({"parameters": {"target": "soon"}}, "does not fit rollback"),
    ],
)
def test_a_symptom_that_fits_nothing_is_told(symptom: dict[str, object], fault: str):
    first = replace(TEXTS.symptoms[0], **symptom)
    changed = replace(TEXTS, symptoms=(first, *TEXTS.symptoms))
    assert any(fault in told for told in texts.texts_faults(changed, TEMPLATES))


def test_a_runbook_without_texts_and_a_text_without_a_runbook_are_told():
    about = dict(TEXTS.runbooks)
    about["gone"] = about.pop("release")
    assert [
        "docs/runbooks.yaml says nothing about the runbook release",
        "docs/runbooks.yaml describes gone, which is no runbook",
    ] == texts.texts_faults(replace(TEXTS, runbooks=about), TEMPLATES)


def test_a_runbook_that_changes_nothing_is_called_harmless():
    assert "keine: Es liest nur und ändert nichts." == heads.danger_of(texts.About("lesen"))


def test_what_the_reader_must_fill_in_stands_in_capitals():
    symptom = texts.Symptom("s", "w", "rollback", {"target": "{ZEITPUNKT}", "service": "web"})
    assert "leitstand run rollback -p target=ZEITPUNKT -p service=web" == lists.command_for(symptom)


def test_a_notebook_is_converted_once_and_again_when_it_changes(tmp_path: Path):
    notebook, kept = tmp_path / "a.ipynb", tmp_path / "kept"
    notebook.write_text(notebook_of("Eins", "1 + 1"), "utf-8")
    first = conversion.kept_or_converted(notebook, kept)
    (file,) = kept.iterdir()
    made = file.stat().st_ino
    assert first == conversion.kept_or_converted(notebook, kept)
    assert made == file.stat().st_ino  # another file would have taken its place
    notebook.write_text(notebook_of("Zwei", "1 + 1"), "utf-8")
    assert "Zwei" == conversion.kept_or_converted(notebook, kept).title
    assert 2 == len(list(kept.iterdir()))


def test_a_broken_copy_of_a_converted_notebook_is_made_again(tmp_path: Path):
    notebook, kept = tmp_path / "a.ipynb", tmp_path / "kept"
    notebook.write_text(notebook_of("Eins"), "utf-8")
    first = conversion.kept_or_converted(notebook, kept)
    (file,) = kept.iterdir()
    file.write_text('{"html": "')
    assert first == conversion.kept_or_converted(notebook, kept)


def test_headings_lie_in_each_other():
    made = [conversion.Heading(level, f"h{n}", "x") for n, level in enumerate([1, 2, 3, 2])]
    (root,) = conversion.nested(tuple(made))
    assert [("h1", ["h2"]), ("h3", [])] == [
        (child["id"], [inner["id"] for inner in child["children"]]) for child in root["children"]
    ]
