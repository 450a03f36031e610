"""The HTML copy."""

import re
import stat
from pathlib import Path

from leitstand.notebook.html import write_html

NOTEBOOKS = Path(__file__).parent / "notebooks"


def test_the_copy_is_one_private_file_that_loads_nothing(tmp_path: Path):
    target = write_html(NOTEBOOKS / "sound.ipynb", tmp_path / "a.html")
    text = target.read_text("utf-8")
    assert "Ein Notebook ohne Fehler" in text
    assert 'lang="de"' in text
    assert [] == re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//[^"']*|@import""", text)
    assert "<script" not in text.lower()
    assert 0o600 == stat.S_IMODE(target.stat().st_mode)
