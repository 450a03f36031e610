"""The section of executed runs: what it shows of real sealed records, and in which order."""

import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from bs4 import BeautifulSoup

from tests.audit.sealed import Archive
from tests.docs.archived import (
    CELL,
    HOOKS,
    RUN,
    START,
    archive_in,
    build,
    notebook_of,
    project,
    sealed,
    showing,
)

PAGE = f"nachweise/sandbox/{RUN}.html"
MODULES = ("links", "record_pages", "record_rows", "record_stores", "record_table", "records")


@pytest.fixture(scope="module", autouse=True)
def hooks() -> Iterator[dict[str, ModuleType]]:
    """The hooks, loaded as MkDocs loads them: beside each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HOOKS))
        yield {name: importlib.import_module(name) for name in MODULES}


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """An archive that the next build is told of, with its key."""
    archive = archive_in(tmp_path / "archive")
    (tmp_path / "key.txt").write_text(archive.signer.public.text)
    monkeypatch.setenv("LEITSTAND_SITE_RECORDS", str(archive.store.path))
    monkeypatch.setenv("LEITSTAND_SITE_KEYS", str(tmp_path / "key.txt"))
    return archive


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return project(tmp_path / "project")


def listed(site: Path) -> list[str]:
    """The runs in the list, from the top."""
    page = BeautifulSoup((site / "nachweise" / "index.html").read_text("utf-8"), "html.parser")
    return [row.a.text for row in page.select(".nw-tabelle tbody tr")]


def text_of(site: Path) -> str:
    page = BeautifulSoup((site / "nachweise" / "index.html").read_text("utf-8"), "html.parser")
    return " ".join(page.body.text.split())


def test_without_records_the_page_says_what_to_do(ours: Path):
    text = text_of(build(ours))
    assert "Hier steht noch nichts." in text
    assert "python3 -m nox -s docs" in text


def test_a_record_gets_a_line_a_page_and_its_notebook(archive: Archive, ours: Path):
    sealed(archive)
    site = build(ours)
    assert [RUN] == listed(site)
    notebook = (archive.path / "runs" / RUN / "notebook.ipynb").read_bytes()
    assert notebook == (site / PAGE).with_suffix(".ipynb").read_bytes()
    assert "alles ruhig" in (site / PAGE).read_text("utf-8")


def test_times_are_those_of_berlin_and_name_utc(archive: Archive, ours: Path):
    sealed(archive)
    page = (build(ours) / "nachweise" / "index.html").read_text("utf-8")
    time = '<time datetime="2126-01-15T22:30:01Z" title="15.01.2126, 22:30:01 UTC">'
    assert f"{time}15.01.2126, 23:30</time>" in page
    assert 'data-tag="2126-01-15"' in page


def test_the_page_of_a_record_leads_back_and_loads_nothing(archive: Archive, ours: Path):
    sealed(archive)
    (ours / "runbooks").mkdir()
    (ours / "runbooks" / "release.ipynb").touch()
    (ours / "docs" / "runbooks").mkdir()
    (ours / "docs" / "runbooks" / "release.md").touch()
    page = BeautifulSoup((build(ours) / PAGE).read_text("utf-8"), "html.parser")
    leading = [a["href"] for a in page.select("a") if not a["href"].startswith("#")]
    assert ["../index.html", "../../runbooks/release.html", f"{RUN}.ipynb"] == leading
    assert [] == page.select("script, link, iframe, object, img[src^=http]")
    assert (
        "default-src 'none'" in page.select_one("[http-equiv=Content-Security-Policy]")["content"]
    )


def test_many_runs_are_listed_the_newest_first_and_made_by_two_processes(
    archive: Archive, ours: Path, hooks: dict[str, ModuleType]
):
    count = hooks["record_pages"].MANY + 1
    names = [f"run-{number:02}" for number in range(count)]
    for number, name in enumerate(names):
        sealed(archive, name, days=(7 * number) % count)
    order = sorted(names, key=lambda name: -((7 * int(name[-2:])) % count))
    site = build(ours)
    assert order == listed(site)
    assert all((site / "nachweise" / "sandbox" / f"{name}.html").is_file() for name in names)


def test_only_the_newest_are_shown_and_the_rest_is_counted(
    archive: Archive, ours: Path, hooks: dict[str, ModuleType]
):
    for number in range(3):
        sealed(archive, f"run-{number}", days=number)
    found = hooks["record_rows"].publish(ours, os.environ, most=2)
    assert (["run-2", "run-1"], 1) == ([row.run for row in found.rows], found.older)
    assert "1 ältere finden Sie mit" in hooks["record_table"].listing(found)


def test_rehearsals_of_the_build_are_shown_and_called_that(tmp_path: Path, ours: Path):
    archive = archive_in(tmp_path / "archive")
    sealed(archive)
    (ours / ".cache" / "site").mkdir(parents=True)
    archive.store.path.rename(ours / ".cache" / "site" / "records")
    (ours / ".cache" / "site" / "records.pub").write_text(archive.signer.public.text)
    site = build(ours)
    assert [RUN] == listed(site)
    assert "Alle Läufe hier sind Proben" in text_of(site)


def test_the_newest_run_of_each_environment_is_told_to_other_hooks(
    archive: Archive, ours: Path, hooks: dict[str, ModuleType]
):
    for day, env in enumerate(("sandbox", "prod", "sandbox", "staging")):
        sealed(archive, f"run-{day}", env=env, days=day)
    sealed(archive, "other", runbook="migrate", days=9)
    hooks["record_rows"].forget(ours)
    found = hooks["record_rows"].last_runs("release")
    assert {"prod": "run-1", "staging": "run-3", "sandbox": "run-2"} == {
        env: row.run for env, row in found.items()
    }
    newest = found["sandbox"]
    assert ("nachweise/sandbox/run-2.html", "healthy", START.year) == (
        newest.url, newest.verdict, newest.started.year,
    )  # fmt: skip
    assert {} == hooks["record_rows"].last_runs("scale")


def test_a_record_that_did_not_change_is_not_made_again(archive: Archive, ours: Path):
    sealed(archive)
    build(ours)
    (kept,) = (ours / ".cache" / "site" / "pages").glob("*.html")
    kept.write_text(kept.read_text("utf-8").replace("alles ruhig", "von vorhin"), "utf-8")
    sealed(archive, "another", days=1)
    site = build(ours)
    assert "von vorhin" in (site / PAGE).read_text("utf-8")
    assert ["another", RUN] == listed(site)


def test_the_search_does_not_know_runs(archive: Archive, ours: Path):
    sealed(archive)
    index = (build(ours) / "search" / "search_index.json").read_text("utf-8")
    assert "Läufe" in index.encode().decode("unicode_escape", "ignore") or "L\\u00e4ufe" in index
    assert RUN not in index


def test_the_same_record_in_two_archives_is_shown_once_and_others_of_its_name_beside_it(
    archive: Archive, ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sealed(archive)
    (tmp_path / "copy").symlink_to(archive.store.path)
    other = archive_in(tmp_path / "other")
    sealed(other, days=1)
    stores = (archive.store.path, tmp_path / "copy", other.store.path)
    monkeypatch.setenv("LEITSTAND_SITE_RECORDS", ":".join(map(str, stores)))
    (tmp_path / "other.txt").write_text(other.signer.public.text)
    monkeypatch.setenv("LEITSTAND_SITE_KEYS", f"{tmp_path}/key.txt:{tmp_path}/other.txt")
    site = build(ours)
    assert 2 == len(listed(site))
    assert 2 == len(list((site / "nachweise" / "sandbox").glob("*.html")))


def test_an_environment_or_a_run_that_is_no_name_stays_in_the_section(archive: Archive, ours: Path):
    sealed(archive, "Ä & <b>", env="../..")
    site = build(ours)
    (page,) = (site / "nachweise").glob("*/*.html")
    assert "ohne-umgebung" == page.parent.name
    assert re.fullmatch(r"[0-9a-f]{24}", page.stem)
    assert ["Ä & <b>"] == listed(site)


def test_a_notebook_that_runs_a_script_is_shown_and_not_handed_out(archive: Archive, ours: Path):
    script = showing("alert(1)", "application/javascript")
    sealed(archive, notebook=notebook_of(CELL, script))
    site = build(ours)
    assert (site / PAGE).is_file()
    assert not (site / PAGE).with_suffix(".ipynb").exists()


def test_runs_left_out_on_purpose_are_named(
    archive: Archive, ours: Path, monkeypatch: pytest.MonkeyPatch
):
    sealed(archive)
    sealed(archive, "other", days=1)
    monkeypatch.setenv("LEITSTAND_SITE_LEAVE_OUT", f"{RUN}, gibt-es-nicht")
    site = build(ours)
    assert ["other"] == listed(site)
    assert f"Beim Bauen absichtlich ausgelassen: {RUN}." in text_of(site)


def test_a_page_that_comes_again_is_read_once_by_the_link_check(
    tmp_path: Path, hooks: dict[str, ModuleType]
):
    links = hooks["links"]
    site, file = tmp_path / "site", tmp_path / "links.json"
    site.mkdir()
    (site / "a.html").write_text('<a href="b.html#here"><img src="data:image/png;base64,AA==">')
    (site / "b.html").write_text('<h2 id="here">')
    memory = links.Memory(file)
    assert [] == links.faults(site, memory)
    memory.keep()
    (site / "b.html").write_text('<h2 id="there">')
    assert ["a.html links to b.html#here, which does not exist"] == links.faults(
        site, links.Memory(file)
    )
    told = file.read_text().replace("b.html#here", "c.html")
    file.write_text(told)
    assert ["a.html links to c.html, which does not exist"] == links.faults(
        site, links.Memory(file)
    )
    file.write_text(told[:-3])
    assert ["a.html links to b.html#here, which does not exist"] == links.faults(
        site, links.Memory(file)
    )


@pytest.mark.browser
def test_the_list_is_filtered_by_keyboard_and_the_address_keeps_it(
    archive: Archive, ours: Path, chromium: str
):
    from playwright.sync_api import sync_playwright

    sealed(archive, "run-0")
    sealed(archive, "run-1", env="prod", days=1)
    sealed(archive, "run-2", env="prod", runbook="migrate", verdict="unhealthy", days=2)
    address = (build(ours) / "nachweise" / "index.html").as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-quic"]
        )
        page = browser.new_page()
        status, rows = page.get_by_role("status"), page.locator("tbody tr:visible")
        page.goto(address)
        assert ("3 Läufe", 3) == (status.inner_text(), rows.count())
        page.get_by_label("Umgebung").focus()
        page.keyboard.press("p")
        assert ("2 von 3 Läufen", 2) == (status.inner_text(), rows.count())
        assert f"{address}?umgebung=prod" == page.url
        page.get_by_label("Von").fill("2126-01-18")
        assert "Kein Lauf passt." in page.locator(".nw").inner_text()
        page.get_by_role("button", name="Filter zurücksetzen").press("Enter")
        page.wait_for_function("!location.search")
        assert "3 Läufe" == status.inner_text()
        page.goto(f"{address}?urteil=unhealthy&bis=2126-01-17")
        assert ("1 von 3 Läufen", "run-2") == (
            status.inner_text(),
            rows.locator("a").first.inner_text(),
        )
        page.goto(f"{address}?runbook=provision")
        assert ("0 von 3 Läufen", "provision") == (
            status.inner_text(), page.get_by_label("Runbook").input_value(),
        )  # fmt: skip
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.goto(address)
        assert (3, False) == (
            plain.locator("tbody tr:visible").count(), plain.locator(".nw-filter").is_visible(),
        )  # fmt: skip
        browser.close()
