"""The docs site: its own link check, what its hooks do to pages, its colours."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.referenced import ROOT, hook

COLOUR = re.compile(r"--([\w-]+): (#[0-9a-f]{3}(?:[0-9a-f]{3})?);")

PART = """<nav class="md-nav" data-md-level="1" {}>
<label class="md-nav__title" for="__nav_2">
<span class="md-icon"></span> <b>Ein</b> Weg
</label>"""


@pytest.fixture(scope="module")
def links() -> ModuleType:
    return hook("links")


def test_every_runbook_has_a_page(site: Path):
    names = {path.stem for path in (ROOT / "runbooks").glob("*.ipynb")}
    assert set() == names - {path.stem for path in (site / "runbooks").glob("*.html")}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone.html">', "a.html links to gone.html, which does not exist"),
        ('<a href="b.html#gone">', "a.html links to b.html#gone, which does not exist"),
        ('<a href="#gone">', "a.html links to #gone, which does not exist"),
        ('<img src="gone.png">', "a.html links to gone.png, which does not exist"),
        ('<script src="https://cdn.example/x.js">', "a.html loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "a.html loads //cdn.example/x.css"),
        ("<style>@import 'https://x.example/y';</style>", "a.html loads https://x.example/y"),
        ("<script>import('https://x.example/y')</script>", "a.html loads https://x.example/y"),
    ],
)
def test_the_link_check_finds(links: ModuleType, tmp_path: Path, body: str, fault: str):
    (tmp_path / "a.html").write_text(body)
    (tmp_path / "b.html").write_text('<h2 id="here">')
    assert [fault] == links.faults(tmp_path)


def test_the_link_check_accepts_good_links_and_links_that_leave_the_site(
    links: ModuleType, tmp_path: Path
):
    targets = ("b.html", "b.html#here", "#top", "https://elsewhere.example/", "mailto:a@b.example")
    anchors = "".join(f'<a href="{target}">' for target in targets)
    (tmp_path / "a.html").write_text(f'<p id="top">{anchors}')
    (tmp_path / "b.html").write_text('<h2 id="here">')
    assert [] == links.faults(tmp_path)


def test_search_finds_words_that_are_split_for_the_eye():
    assert '{"text":"Produktionsumgebung"}' == hook("search_index").plain(
        '{"text":"Produktions\\u00adum\u200bgebung"}'
    )


@pytest.mark.parametrize(
    ("there_is", "becomes"),
    [
        ("<th></th>", "<td></td>"),
        ('<th style="text-align:left"> </th>', "<td></td>"),
        ("<th>Wert</th>", "<th>Wert</th>"),
        (
            '<div class="md-search" data-md-component="search" role="dialog">',
            '<div class="md-search" data-md-component="search" role="dialog" aria-label="Suche">',
        ),
        (PART.format('aria-labelledby="__nav_2_label"'), PART.format('aria-label="Ein Weg"')),
    ],
)
def test_what_a_screen_reader_reads_out_has_a_name(there_is: str, becomes: str):
    assert becomes == hook("accessible").named(there_is)


def test_the_footer_names_commit_changes_and_time_of_the_build(tmp_path: Path):
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "one")
    now = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
    built = hook("footer").built
    clean = built(tmp_path, {"SOURCE_DATE_EPOCH": "1700000000"}, now)
    assert 10 == len(clean.commit)
    assert not clean.changed
    assert "2023-11-14T22:13:20Z" == clean.datetime
    (tmp_path / "new").touch()
    changed = built(tmp_path, {}, now)
    assert (clean.commit, True) == (changed.commit, changed.changed)
    assert "26.11.2026 um 10:00 Uhr UTC" == changed.text


def test_without_a_repository_the_footer_names_no_commit(tmp_path: Path):
    built = hook("footer").built(tmp_path, {}, datetime(2026, 11, 26, tzinfo=UTC))
    assert ("", False) == (built.commit, built.changed)


def test_every_page_names_its_build_and_not_its_generator(site: Path):
    page = (site / "index.html").read_text("utf-8")
    assert re.search(r"Stand .{0,60} gebaut am <time datetime=\"20[^\"]+Z\">", page, re.DOTALL)
    assert "Made with" not in page


@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_colours_contrast_enough_with_what_they_stand_on(scheme: str):
    """By WCAG 2.2, success criterion 1.4.3: 4.5 to 1."""
    text = (ROOT / "docs" / "stil.css").read_text("utf-8")
    light = dict(COLOUR.findall(text[: text.index('[data-md-color-scheme="slate"]')]))
    dark = dict(COLOUR.findall(text[text.index('[data-md-color-scheme="slate"]') :]))
    colours = light if scheme == "default" else light | dark
    ground = colours.get("md-default-bg-color", "#ffffff")
    code, verdicts = colours["md-code-bg-color"], ("gut", "schlecht", "offen", "ohne")
    pairs = [(colours[f"urteil-{name}"], ground) for name in verdicts]
    pairs += [(colours["md-typeset-a-color"], ground), (colours["md-default-fg-color"], ground)]
    pairs += [(colours["md-default-fg-color--light"], ground)]
    pairs += [(value, code) for name, value in colours.items() if name.startswith("md-code-hl-")]
    pairs += [(colours["diagramm-text"], colours[f"diagramm-{n}"]) for n in ("flaeche", "gruppe")]
    assert [] == [pair for pair in pairs if _contrast(*pair) < 4.5]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) > 4 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
