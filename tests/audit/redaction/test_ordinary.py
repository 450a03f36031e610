"""What runbooks really print, journal and document stays as it is."""

import html
import json
from pathlib import Path

import pytest

from leitstand.audit.redaction import MARK, Redactor
from leitstand.audit.redaction.projection import as_read, without_tags

ORDINARY = Path(__file__).parent / "ordinary"
PROJECT = Path(__file__).parents[3]
SALT = bytes(16)
LINES = (ORDINARY / "lines.txt").read_text().splitlines()


def events(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (ORDINARY / name).read_text().splitlines()]


@pytest.mark.parametrize("line", LINES)
def test_an_ordinary_line_stays_as_it_is(line):
    masking = Redactor(salt=SALT)
    markup = f"<p>{html.escape(line)}</p>"
    seen = (line, markup, {"a": line})
    assert seen == (masking.text(line), masking.html(markup), masking.data({"a": line}))


def test_journals_of_real_runs_stay_as_they_are():
    masking = Redactor(salt=SALT)
    assert events("journal.jsonl") == [masking.data(one) for one in events("journal.jsonl")]


def test_outputs_of_real_runs_stay_as_they_are():
    masking = Redactor(salt=SALT)
    outputs = events("outputs.jsonl")
    assert outputs == [masking.notebook_output(output) for output in outputs]


@pytest.mark.parametrize("folder", ["runbooks", "docs"])
def test_runbooks_and_documentation_stay_as_they_are(folder):
    masking = Redactor(salt=SALT, visible=["anna@example.com", "erika@example.com"])
    for file in (PROJECT / folder).rglob("*"):
        if file.suffix in (".ipynb", ".md"):
            text = file.read_text()  # a page may show what a mark looks like
            found = MARK.findall(masking.text(text))
            assert (file.name, MARK.findall(text)) == (file.name, found)


def test_the_quick_view_of_markup_is_the_exact_one():
    shown = [output.get("data", {}).get("text/html", "") for output in events("outputs.jsonl")]
    hostile = [
        "<thead><th>a</th><td x='<'>b</td></thead><!-- c -->d<b>e</b>&lt;f&gt;<br/>g 3<4 <p",
        "<!-- a -->b<!---->c</p >d<p a='>' b=\"<\">e< p>f</ p>g<a b='\">h<1>i&am<b>p;</b>",
        "<TABLE><TR><TD>a</TD><TH>b<th-x>c<tdx>d<my:td>e&#65;&amp", "<!-- <td>", "<p title='a>b'>c",
    ]  # fmt: skip
    for source in [*map("".join, shown), *hostile]:
        exact = without_tags(source)
        assert (exact.text if exact else html.unescape(source)) == as_read(source)
