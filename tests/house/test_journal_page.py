"""The page about the journal names every event that the code writes, and none that it does not."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "referenz" / "journal.md").read_text("utf-8")
WRITTEN = re.compile(r'journal\.append\(\s*(?:"([a-z._]+)"|([A-Z_]+)\b)')


def written() -> set[str]:
    """Return the events that the library appends to journals, constants by their values."""
    texts = [path.read_text("utf-8") for path in (ROOT / "lib/leitstand").rglob("*.py")]
    found = [match for text in texts for match in WRITTEN.findall(text)]
    constants = {
        name: value
        for text in texts
        for name, value in re.findall(r'^([A-Z_]+)(?:: Final)? = "([a-z._]+)"$', text, re.MULTILINE)
    }
    return {literal or constants[name] for literal, name in found}


def test_the_page_names_the_events_that_are_written_and_no_others() -> None:
    table = PAGE.partition("## Die Ereignisse")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    assert written() == {event for row in rows for event in re.findall(r"`([^`]+)`", row)}
