"""Whatever stands in a journal or a notebook, the page stays harmless and says what it says."""

import itertools
import json
import time
from collections.abc import Sequence

import pytest
from bs4 import BeautifulSoup

from leitstand.audit.record_page import record_page
from leitstand.audit.record_page.notebook import cells_of
from leitstand.audit.record_page.safe_html import safe_html
from tests.audit.record_page.sample import (
    STARTED,
    html_output,
    journal_of,
    notebook_of,
    page_of,
    rich_events,
    statement_of,
    text_of,
)

ATTACKS = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><style><!--</style><img title='--&gt;&lt;img src=x onerror=alert(1)&gt;'>",
    "<a href='javascript:alert(1)'>hier</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example/'>",
    "<form action='https://evil.example'><input name=a><button>x</button></form>",
    "<link rel=stylesheet href='https://evil.example/a.css'>",
    "<img src='https://evil.example/pixel.png'>",
    "<img src='data:text/html;base64,PHNjcmlwdD4='>",
    "<div style='background:url(https://evil.example/p)'>x</div>",
    "<div style='background-image:url(//evil.example/p);position:fixed;inset:0'>x</div>",
    '<div style="background:\\75rl(https://evil.example)">x</div>',
    "<style>*{display:none}</style>",
    "<p id=siegel class=good>Unverändert</p>",
    "<textarea></textarea><noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "<object data='x'></object><embed src='x'><video src='x' onerror=alert(1)></video>",
    "</div></div></section></main><h1>Gefälscht</h1>",
    "{{ 7919 * 13 }}{% raw %}",
)


def _attacked(attack: str) -> list[dict[str, object]]:
    return [
        {"event": "step.started", "step": attack, "title": attack},
        {"event": "step.failed", "step": attack, "error": attack},
        {"event": "approval.broken_glass", "digest": attack, "by": attack, "reason": attack},
        {"event": "approval.refused", "by": attack, "message": attack},
        {"event": "action.intent", "id": attack, "kind": attack, "target": attack},
        {
            "event": "action.operation",
            "id": attack,
            "operation": attack,
            "api_calls": [{"method": attack, "resource": attack}],
        },
        {"event": "verdict", "stage": attack, "verdict": attack},
        {"event": "redaction", "masked": {attack: 1}},
        {"event": "cell.started", "section": attack, "source": attack},
        {"event": f"x{attack}", attack: attack},
    ]


def _run_of(texts: Sequence[str]) -> BeautifulSoup:
    first = texts[0]
    events = [
        {**STARTED, "runbook": first, "operator": first, "ticket": first, "env": first,
         "parameters": dict.fromkeys(texts, first), "git": {"commit": first}},
        *itertools.chain.from_iterable(map(_attacked, texts)),
        {"event": "run.failed", "error": first, "message": first},
    ]  # fmt: skip
    return page_of(events)


def test_no_text_of_the_journal_becomes_part_of_the_page():
    harmless = _run_of([f"harmlos {number}" for number in range(len(ATTACKS))])
    page = _run_of(ATTACKS)
    assert [(t.name, sorted(t.attrs)) for t in harmless.find_all()] == [
        (t.name, sorted(t.attrs)) for t in page.find_all()
    ]
    assert "102947" not in page.get_text()


@pytest.mark.parametrize("place", ["html", "prose", "stream", "error", "markdown"])
def test_nothing_in_a_notebook_runs_loads_or_leaves_its_place(place: str):
    def cell(attack: str) -> dict[str, object]:
        outputs: dict[str, dict[str, object]] = {
            "html": html_output(f"<p>vorher</p>{attack}"),
            "stream": {"output_type": "stream", "name": "stdout", "text": attack},
            "error": {"output_type": "error", "evalue": attack, "traceback": [attack]},
            "markdown": {"output_type": "display_data", "data": {"text/markdown": attack}},
        }
        if place == "prose":
            return {"cell_type": "markdown", "source": attack}
        return {"cell_type": "code", "source": attack, "outputs": [outputs[place]]}

    notebook = json.dumps({"cells": [cell(attack) for attack in ATTACKS]}).encode()
    page = page_of(rich_events(), notebook)
    assert [] == page.find_all(
        ["script", "iframe", "object", "embed", "form", "base", "link", "svg", "math", "button",
         "video", "textarea"]
    )  # fmt: skip
    assert 1 == len(page.find_all("style")) == len(page.find_all(id="siegel"))
    assert 1 == len(page.find_all("h1")) == len(page.find_all("main"))
    assert 6 == len(page.find_all("meta"))
    assert [] == [key for tag in page.find_all() for key in tag.attrs if key.startswith("on")]
    assert all(str(i["src"]).startswith("data:image/") for i in page.find_all("img"))
    assert all(str(a["href"]).startswith("#") for a in page.find_all("a"))
    styles = " ".join(str(tag["style"]) for tag in page.find_all(style=True))
    assert not any(word in styles for word in ("url", "position", "75rl"))


def test_a_link_shows_where_it_leads_and_leads_nowhere():
    shown = safe_html('<a href="https://evil.example/x">https://bank.example</a>')
    assert "https://bank.example (https://evil.example/x)" == shown


def test_what_a_table_of_ours_needs_survives():
    source = (
        '<div style="overflow-x:auto"><table><tr style="border-left:4px solid #2e7d32">'
        '<td colspan="2" style="text-align:left">a &amp; b</td></tr></table></div>'
    )
    assert source == safe_html(source)


def test_what_others_left_open_or_closed_too_often_is_put_right():
    assert "<p><b>a</b></p>b" == safe_html("</div><p><b>a</p>b</i>")


def test_headings_of_others_stand_below_ours():
    assert "<h3>a</h3><h6>b</h6>" == safe_html("<h1>a</h1><h5>b</h5>", deeper=2)


def test_characters_that_turn_or_hide_a_text_are_seen():
    events = [{**STARTED, "operator": "anna\u202emoc.live\u202c\x00\ud800"}]
    text = text_of(page_of(events), "wer")
    assert "anna⟨202E⟩moc.live⟨202C⟩⟨0000⟩⟨D800⟩" in text


def test_the_page_can_always_be_written_as_utf8():
    events = [{**STARTED, "runbook": "\udc80", "parameters": {"\ud800": "\udfff"}}]
    journal = journal_of(events)
    notebook = notebook_of(html_output("<p>\ud800</p>"), prose="\udc80")
    page = record_page(statement_of(journal, notebook), notebook, journal)
    assert page.encode("utf-8")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"{}", b'{"cells": 1}', b'{"worksheets": []}', b"[" * 100_000],
)
def test_a_notebook_that_is_none_is_said_to_be_unreadable(content: bytes):
    assert cells_of(content) is None
    assert "✗ Das Notebook ist nicht lesbar." in text_of(
        page_of(rich_events(), content), "notebook"
    )


def test_cells_and_outputs_of_a_wrong_form_are_passed_over():
    cells = [1, {}, {"cell_type": "code", "source": 1, "outputs": [1, {"output_type": "stream"}]},
             {"cell_type": "markdown", "source": {"a": 1}},
             {"cell_type": "code", "source": "x", "outputs": [{"output_type": "display_data",
              "data": {"application/json": {}}}]}]  # fmt: skip
    shown = cells_of(json.dumps({"cells": cells}).encode())
    assert shown is not None
    assert ["", "x"] == [cell.code for cell in shown]
    assert "nicht zeigen kann (application/json)" in shown[1].html


def test_events_of_a_wrong_form_are_shown_as_far_as_they_go():
    events = [
        dict(STARTED),
        {"event": "plan.made", "plan": [1]},
        {"event": "plan.made", "plan": {"actions": [1, {"id": None}]}},
        {"event": "cell.started", "source": 5},
        {"event": "cell.completed", "duration": True},
        {"event": "step.completed", "elapsed": 1e300},
        {"event": 7, "seq": None, "at": []},
        {"event": "verdict", "at": "9999-12-31T23:59:59-23:59"},
        {"event": "observation", "calls": "viele", "x": {"a": 1}},
        {"event": "redaction", "masked": 4},
    ]
    assert "Beobachtung" in text_of(page_of(events), "verlauf")


def test_a_journal_nested_too_deeply_breaks_nothing():
    journal = journal_of(rich_events())
    page = record_page(statement_of(journal, None), None, b'{"event":' + b"[" * 100_000)
    assert "journal.jsonl ist nicht die Datei" in page


def test_gigantic_outputs_are_cut_and_said_to_be():
    huge = {"output_type": "stream", "name": "stdout", "text": "x" * 5_000_000}
    table = html_output("<p>y</p>" * 1_000_000)
    table["data"]["text/plain"] = "kurz"
    notebook = notebook_of(huge, table)
    journal = journal_of(rich_events())
    page = record_page(statement_of(journal, notebook), notebook, journal)
    assert "gekürzt um 4.940.000 Zeichen" in page
    assert "kurz" in page
    assert len(page) < 200_000


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "<b>", "&", "<svg>", '<p title="', "</"])
def test_hostile_html_takes_no_time(piece: str):
    start = time.process_time()
    safe_html(piece * (120_000 // len(piece)))
    assert time.process_time() - start < 5


def test_five_thousand_events_stay_below_two_megabytes_and_can_be_chosen_by_kind():
    kinds = [
        {"event": "step.started", "step": "s", "title": "Sitzungen am Verbindungspool beenden"},
        {"event": "action.operation", "id": "traffic", "operation": "operations/1f3a",
         "api_calls": [{"method": "google.cloud.run.v2.Services.UpdateService",
                        "resource": "projects/p/locations/europe-west3/services/web"}]},
        {"event": "cell.completed", "duration": 3.2, "status": "completed",
         "outputs": [{"text": "z" * 3000}]},
        {"event": "vectors.searched", "lists": [1, 2], "note": "ö" * 500},
    ]  # fmt: skip
    events = [dict(STARTED), *(kinds[i % 4] for i in range(4998)), {"event": "run.completed"}]
    journal = journal_of(events)
    start = time.process_time()
    page = record_page(statement_of(journal, None), None, journal)
    took = time.process_time() - start
    assert len(page.encode()) < 2_000_000
    assert took < 10
    assert 5000 == page.count('<tr class="z-')
    for group in ("run", "step", "action", "check", "cell"):
        assert f'id="z-{group}"' in page
        assert f".verlauf:has(#z-{group}:not(:checked)) .z-{group}" in page
    assert 10 == page.count("<summary>Ereignisse")
