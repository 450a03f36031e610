"""The section of executed runs: what must not get in fails the build and stays out."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from mkdocs.exceptions import Abort

from leitstand.audit.envelopes import sign
from leitstand.core.records.statement import PAYLOAD_TYPE, Statement
from tests.audit.sealed import Archive, overwrite
from tests.docs.archived import (
    CELL,
    HOOKS,
    RUN,
    archive_in,
    build,
    notebook_of,
    project,
    sealed,
    showing,
)

SECRET = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0iL3oR6"
ADDRESS = "erika.mustermann@example.org"


@pytest.fixture(scope="module", autouse=True)
def rows() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HOOKS))
        yield importlib.import_module("record_rows")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    archive = archive_in(tmp_path / "archive")
    (tmp_path / "key.txt").write_text(archive.signer.public.text)
    monkeypatch.setenv("LEITSTAND_SITE_RECORDS", str(archive.store.path))
    monkeypatch.setenv("LEITSTAND_SITE_KEYS", str(tmp_path / "key.txt"))
    return archive


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return project(tmp_path / "project")


def fails(directory: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Build what must not be built, and return what was said."""
    with pytest.raises(Abort):
        build(directory)
    said = [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    return "\n".join(record.getMessage() for record in said)


def everything(directory: Path) -> bytes:
    """All bytes of the site and of what is kept for the next build."""
    files = [p for name in ("site", ".cache") for p in (directory / name).rglob("*") if p.is_file()]
    return b"".join(path.read_bytes() for path in files)


def test_of_an_archive_with_a_changed_file_nothing_gets_in(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture
):
    sealed(archive)
    sealed(archive, "other", days=1)
    changed = next(path for path in archive.files if b"alles ruhig" in path.read_bytes())
    overwrite(changed, changed.read_bytes().replace(b"alles", b"etwas"))
    said = fails(ours, caplog)
    assert f"{archive.store.path} does not verify: Beleg 1, notebook.ipynb" in said
    assert RUN.encode() not in everything(ours)


def test_a_record_of_somebody_unknown_fails_the_build(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    sealed(archive)
    (tmp_path / "key.txt").write_text(archive_in(tmp_path / "other").signer.public.text)
    assert "Beleg 1: Niemand, dem die Umgebung vertraut" in fails(ours, caplog)


def test_a_key_of_rehearsals_vouches_for_no_environment_that_names_its_own(
    archive: Archive, rows: ModuleType, tmp_path: Path
):
    stores = importlib.import_module("record_stores")
    sealed(archive, env="prod")
    sealed(archive, "other", env="sandbox", days=1)
    key, theirs = archive.signer.public, archive_in(tmp_path / "other").signer.public
    keys = stores.Keys({"prod": {theirs.id: theirs}, "sandbox": {}}, {key.id: key}, {})
    found, faults = stores.read_source(stores.Source(archive.store.path, "archive"), keys)
    assert ["other"] == [record.statement.run_id for record in found]
    assert [f"record 1 ({RUN}) of archive: nobody whom prod trusts signed it"] == faults


INSIDE = {
    "notebook.ipynb, cell 2, output 2": {"notebook": notebook_of(CELL, showing(f"x {SECRET}"))},
    "notebook.ipynb, cell 1": {"notebook": notebook_of({**CELL, "source": f"t = '{SECRET}'"})},
    "notebook.ipynb": {"notebook": notebook_of(CELL, token=SECRET)},
    "journal.jsonl, line 1": {"note": f"mit {SECRET}"},
    "the record": {"parameters": {"note": SECRET}},
}


@pytest.mark.parametrize(("place", "run"), INSIDE.items(), ids=INSIDE)
def test_a_sealed_secret_fails_the_build_is_placed_and_gets_nowhere(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture, place: str, run: dict[str, str]
):
    sealed(archive, **run)
    said = fails(ours, caplog)
    assert f"record 1 ({RUN}) of {archive.store.path}: {place} holds what looks like" in said
    assert SECRET not in said
    assert SECRET.encode() not in everything(ours)
    assert RUN.encode() not in everything(ours)


def test_a_secret_in_html_and_personal_data_are_found_too(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture
):
    split = f"<b>{SECRET[:9]}</b><i>{SECRET[9:]}</i>"
    sealed(archive, notebook=notebook_of(showing(split, "text/html"), showing(ADDRESS)))
    said = fails(ours, caplog)
    assert "cell 1, output 2 holds what looks like a secret (github_token)" in said
    assert "cell 2, output 2 holds what looks like a secret (email)" in said
    assert ADDRESS not in said


def test_a_clean_record_beside_a_bad_one_is_still_made(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture, rows: ModuleType
):
    sealed(archive)
    sealed(archive, "bad", notebook=notebook_of(showing(SECRET)), days=1)
    assert "(bad)" in fails(ours, caplog)
    assert [RUN] == [row.run for row in rows.published().rows]


def test_a_record_of_an_unknown_form_is_named(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture
):
    facts = {"run": RUN, "env": "sandbox", "approvals": [7]}
    payload = Statement((), facts, 1, "", "2126-01-15T00:00:00Z").encode()
    archive.store.append(1, sign(PAYLOAD_TYPE, payload, archive.signer).encode())
    assert f"record 1 ({RUN}) of {archive.store.path} cannot be shown: TypeError" in fails(
        ours, caplog
    )


@pytest.mark.parametrize("notebook", ["{", "[]", '{"cells": 3}', '{"cells": [{"outputs": 3}]}'])
def test_a_notebook_that_is_none_is_searched_as_text_and_not_handed_out(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture, notebook: str
):
    sealed(archive, notebook=notebook)
    assert not (build(ours) / "nachweise" / "sandbox" / f"{RUN}.ipynb").exists()
    sealed(archive, "other", notebook=notebook + json.dumps(SECRET), days=1)
    assert "(other)" in fails(ours, caplog)


def test_an_archive_that_is_not_there_fails_the_build(
    ours: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LEITSTAND_SITE_RECORDS", "archiv")
    assert "archiv is no directory of records" in fails(ours, caplog)


def test_a_key_that_is_none_fails_the_build(
    archive: Archive, ours: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    (tmp_path / "key.txt").write_text("kein Schlüssel")
    assert "a trusted key cannot be read" in fails(ours, caplog)


def test_a_page_without_a_place_for_the_list_fails_the_build(
    ours: Path, caplog: pytest.LogCaptureFixture
):
    (ours / "docs" / "nachweise" / "index.md").write_text("# Läufe\n")
    assert "nachweise/index.md has no place for the list of runs" in fails(ours, caplog)
