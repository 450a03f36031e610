"""Tables which take long are made once, and anew as soon as anything they are made of changes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.referenced import hook


def counted(text: str) -> tuple[Callable[[], str], list[str]]:
    """A maker of a table, and what it has made."""
    made: list[str] = []

    def make() -> str:
        made.append(text)
        return text

    return make, made


def test_a_table_is_made_once(tmp_path: Path):
    make, made = counted("| Größe |")
    first = hook("kept_tables").kept("rest", make, tmp_path)
    second = hook("kept_tables").kept("rest", make, tmp_path)
    assert ("| Größe |", "| Größe |", 1) == (first, second, len(made))


def test_a_table_is_made_anew_when_a_source_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tables = hook("kept_tables")
    make, made = counted("alt")
    tables.kept("rest", make, tmp_path)
    monkeypatch.setattr(tables, "made_of", lambda: "0" * 64)
    tables.kept("rest", make, tmp_path)
    assert 2 == len(made)


def test_the_digest_of_the_sources_changes_with_any_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tables = hook("kept_tables")
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "text.yaml").write_text("a: 1")
    monkeypatch.setattr(tables, "__file__", str(tmp_path / "hooks" / "kept_tables.py"))
    digests = set()
    for text in ("a: 1", "a: 2"):
        (tmp_path / "hooks" / "text.yaml").write_text(text)
        tables.made_of.cache_clear()
        digests.add(tables.made_of())
    tables.made_of.cache_clear()
    assert 2 == len(digests)


def test_a_table_that_cannot_be_kept_is_made_all_the_same(tmp_path: Path):
    (tmp_path / "tables").write_text("no directory")
    make, _ = counted("hier")
    assert "hier" == hook("kept_tables").kept("rest", make, tmp_path / "tables")


def test_what_no_build_has_used_for_a_month_is_removed(tmp_path: Path):
    old, new = tmp_path / "alt.md", tmp_path / "neu.md"
    for path in (old, new):
        path.write_text("x")
    os.utime(old, (0, 0))
    hook("kept_files").forget_unused(tmp_path)
    assert (False, True) == (old.exists(), new.exists())
