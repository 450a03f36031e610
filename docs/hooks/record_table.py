"""The list of executed runs as HTML: a table that needs no script, and a filter for a script.

Times are those of Berlin; each has its UTC in the title.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from record_rows import MOST, Published, Row

from leitstand.audit.record_page.verdicts import ending_of
from leitstand.core.records.facts import RunFacts

__all__ = ["listing"]

ZONE = ZoneInfo("Europe/Berlin")
HOME = "../"
"""From the list to the root of the site."""

NOTHING = "–"
NONE = "keine"
"""Value of the filter for what is empty."""

EMPTY = """\
<div class="admonition note">
<p class="admonition-title">Noch kein Lauf</p>
<p>Hier steht noch nichts. Bauen Sie die Seiten mit frischen Proben, dann erscheinen die Läufe der Proben:</p>
<pre><code>python3 -m nox -s docs</code></pre>
<p>Läufe aus einem Archiv kommen so dazu:</p>
<pre><code>LEITSTAND_SITE_RECORDS=archiv python3 -m nox -s docs</code></pre>
</div>"""  # noqa: E501
REHEARSED = """\
<p class="nw-hinweis">Alle Läufe hier sind Proben: Sie liefen in der Sandbox. Läufe aus Staging \
und Produktion kommen dazu, wenn beim Bauen ein Archiv genannt ist.</p>"""
UNFOUND = """\
<p class="nw-nichts" hidden>Kein Lauf passt. Nehmen Sie eine Bedingung weg, oder setzen Sie den \
Filter zurück.</p>"""


def listing(published: Published) -> str:
    """Return the list, or what to do when there is nothing to list."""
    rows = published.rows
    if not rows:
        return "\n".join([EMPTY, *_remarks(published)])
    head = "".join(f'<th scope="col" role="columnheader">{title}</th>' for title in COLUMNS)
    parts = [
        REHEARSED if {row.env for row in rows} == {"sandbox"} else "",
        *_remarks(published),
        '<div class="nw">',
        _filter(rows),
        f'<p class="nw-zahl" role="status" aria-live="polite">{_counted(len(rows))}</p>',
        UNFOUND,
        '<table class="nw-tabelle" role="table">',
        "<caption>Ausgeführte Läufe, der neueste zuerst; Zeiten in Berlin</caption>",
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>',
        '<tbody role="rowgroup">',
        *map(_line, rows),
        "</tbody>",
        "</table>",
        "</div>",
    ]
    return "\n".join(part for part in parts if part)


COLUMNS = ("Beginn", "Lauf", "Runbook", "Umgebung", "Ergebnis", "Datei")


def _line(row: Row) -> str:
    began = row.started.astimezone(ZONE) if row.started else None
    who = " · ".join(escape(part) for part in (row.operator, row.ticket) if part)
    title = f"{row.run}, Teil {row.part}" if row.part > 1 else row.run
    offered = (
        f'<a href="{_address(row.notebook)}" download>Notebook'
        f'<span class="nw-leise"> {escape(title)}</span></a>'
    )
    sign = f'<span aria-hidden="true">{row.sign}</span>'
    ending = f'<span class="nw-{row.tone}">{sign} {escape(row.ending)}</span>'
    cells = (
        _time(row.started, began),
        f'<a href="{_address(row.url)}">{escape(title)}</a>'
        + (f"<small>{who}</small>" * bool(who)),
        escape(row.runbook or NOTHING).replace("_", "_<wbr>"),
        escape(row.env or NOTHING),
        ending,
        offered if row.notebook else NOTHING,
    )
    values = {
        "runbook": row.runbook or NONE,
        "umgebung": row.env or NONE,
        "ergebnis": row.status or NONE,
        "urteil": row.verdict or NONE,
        "tag": f"{began:%Y-%m-%d}" if began else "",
    }
    data = "".join(f' data-{key}="{escape(value)}"' for key, value in values.items())
    named = zip(COLUMNS, cells, strict=True)
    shown = "".join(f'<td role="cell" data-name="{name}">{cell}</td>' for name, cell in named)
    return f'<tr role="row"{data}>{shown}</tr>'


def _filter(rows: Sequence[Row]) -> str:
    runbooks = {row.runbook or NONE: row.runbook or "ohne" for row in rows}
    environments = {row.env or NONE: row.env or "ohne" for row in rows}
    endings = {row.status or NONE: _word(row.status) for row in rows}
    verdicts = {row.verdict or NONE: row.verdict_text or "ohne Urteil" for row in rows}
    return "\n".join(
        (
            '<form class="nw-filter" role="search" aria-label="Läufe filtern" hidden>',
            _choice("runbook", "Runbook", runbooks),
            _choice("umgebung", "Umgebung", environments),
            _choice("ergebnis", "Ergebnis", endings),
            _choice("urteil", "Urteil", verdicts),
            '<label>Von <input type="date" name="von"></label>',
            '<label>Bis <input type="date" name="bis"></label>',
            '<button type="reset" class="md-button">Filter zurücksetzen</button>',
            "</form>",
        )
    )


def _choice(name: str, title: str, values: dict[str, str]) -> str:
    order = sorted(values.items(), key=lambda item: (item[0] == NONE, item[1].casefold()))
    options = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in order
    )
    return (
        f'<label>{title} <select name="{name}"><option value="">alle</option>{options}</select>'
        "</label>"
    )


def _time(at: datetime | None, local: datetime | None) -> str:
    if at is None or local is None:
        return NOTHING
    utc = at.astimezone(UTC)
    return (
        f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}" title="{utc:%d.%m.%Y, %H:%M:%S} UTC">'
        f"{local:%d.%m.%Y, %H:%M}</time>"
    )


def _remarks(published: Published) -> Iterable[str]:
    if published.older:
        yield (
            f'<p class="nw-hinweis">Die Liste zeigt die neuesten {MOST} Läufe. {published.older}'
            " ältere finden Sie mit <code>leitstand audit list</code>.</p>"
        )
    if published.left_out:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in published.left_out)
        yield f'<p class="nw-hinweis">Beim Bauen absichtlich ausgelassen: {names}.</p>'


def _word(status: str) -> str:
    return ending_of(RunFacts(run="", status=status)).text if status else "ohne"


def _counted(count: int) -> str:
    return "1 Lauf" if count == 1 else f"{count} Läufe"


def _address(url: str) -> str:
    """Return an address as the list links it."""
    return escape(url.removeprefix("nachweise/"))
