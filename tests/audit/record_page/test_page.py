"""The page as a whole: what it says, in which order, to everybody, with nothing from elsewhere."""

import itertools
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leitstand.audit.record_page import Checked, record_page
from leitstand.audit.record_page import page as page_module
from leitstand.audit.signing import FileSigner
from leitstand.core.records.findings import FindingKind, Place, RecordFinding
from tests.audit.record_page.sample import (
    OPERATION,
    PLAN,
    RUN,
    STARTED,
    journal_of,
    page_of,
    parsed,
    record_of,
    rich_events,
    rich_notebook,
    statement_of,
    text_of,
)

AT = datetime(2026, 11, 26, 8, tzinfo=UTC)


def test_the_sections_stand_in_the_order_in_which_an_auditor_asks():
    page = page_of(rich_events(), rich_notebook())
    ids = [section["id"] for section in page.find_all("section") if section.get("id")]
    assert ids == [
        "wer", "urteil", "siegel", "plan", "freigaben", "aufrufe", "verlauf", "maskiert",
        "journal", "notebook",
    ]  # fmt: skip
    links = [str(link["href"]) for link in page.find_all("nav")[0].find_all("a")]
    assert links == [f"#{name}" for name in ids]


def test_it_says_who_did_what_when_and_with_which_software():
    text = text_of(page_of(rich_events()), "wer")
    for said in (
        RUN, "release", "prod", "anna@example.com", "OPS-4711", "inc-20261126-17e0",
        "26.11.2026, 03:14:00", "4f1c" * 10, "mit Änderungen, die nicht eingecheckt waren",
        "sha256:" + "1" * 64, "sha256:" + "2" * 64, "0.1.0", "web:1.2.0",
    ):  # fmt: skip
        assert said in text


def test_a_fact_that_this_version_does_not_know_is_shown_too():
    journal = journal_of(rich_events())
    statement = statement_of(journal, None, facts={"identity": "anna@example.com (Google)"})
    page = parsed(record_page(statement, None, journal))
    assert "identity anna@example.com (Google)" in text_of(page, "wer")


def test_the_verdict_stands_in_words_with_a_sign_and_a_colour():
    page = page_of(rich_events())
    mark = page.select_one("#urteil .marke")
    assert mark is not None
    assert "✗ Zurückgenommen, Urteil: nicht gesund" == mark.get_text()
    assert ["marke", "bad"] == mark["class"]


def test_a_good_end_with_a_bad_verdict_is_not_green():
    events = [dict(STARTED), {"event": "verdict", "stage": "x", "verdict": "unhealthy"},
              {"event": "run.completed"}]  # fmt: skip
    mark = page_of(events).select_one("#urteil .marke")
    assert mark is not None
    assert ("✗ Abgeschlossen, Urteil: nicht gesund", ["marke", "bad"]) == (
        mark.get_text(),
        mark["class"],
    )


def test_what_must_not_be_missed_stands_first():
    text = text_of(page_of(rich_events()))
    start = text[: text.index("Wer, wann, was")]
    for said in (
        "NOTFALL: Ohne zweite Person angewandt. Verantwortlich: anna@example.com.",
        "Die Aktion traffic-10 wurde begonnen; ihr Ausgang ist unbekannt.",
        "Der Code hatte Änderungen, die nicht eingecheckt waren.",
        "Siegel: ! Nicht geprüft",
    ):
        assert said in start


def test_the_seal_names_number_predecessor_digest_and_key(tmp_path: Path):
    journal = journal_of(rich_events())
    statement, signer = statement_of(journal, None), FileSigner(tmp_path / "key.pem")
    record = record_of(statement, signer)
    page = parsed(record_page(statement, None, journal, record=record))
    text = text_of(page, "siegel")
    for said in ("Nr. 12", "ab" * 32, signer.public.id, statement.subjects[0].digest):
        assert said in text


BROKEN = RecordFinding(FindingKind.FILE_CHANGED, Place(12, "journal.jsonl", 5, 6))
ELSEWHERE = RecordFinding(FindingKind.RECORD_MISSING, Place(3))
CLOCK = RecordFinding(FindingKind.CLOCK_BACK, Place(2))


@pytest.mark.parametrize(
    ("checked", "tone", "said"),
    [
        (None, "wait", "Nicht geprüft"),
        (Checked(AT, anchored=14), "good", "Ein Anker außerhalb der Kette verbürgt sie bis"),
        (Checked(AT, (CLOCK,), anchored=12), "good", "Beleg 2: Die Uhr ging zurück."),
        (Checked(AT, anchored=11), "wait", "Unverändert, aber nicht verankert"),
        (Checked(AT, chain=False), "wait", "Nur dieser Beleg wurde geprüft, die Kette nicht."),
        (Checked(AT, (BROKEN,)), "bad", "Beleg 12, journal.jsonl, Byte 5: Die Datei ist"),
        (Checked(AT, (ELSEWHERE,)), "bad", "an anderer Stelle ist die Kette gestört"),
    ],
)  # fmt: skip
def test_what_a_verification_found_is_said_in_words(checked: Checked, tone: str, said: str):
    page = page_of(rich_events(), checked=checked)
    mark = page.select_one("#siegel .marke")
    assert mark is not None
    assert ["marke", tone] == mark["class"]
    assert said in text_of(page, "siegel")


def test_content_that_is_not_the_signed_one_is_never_called_unchanged(tmp_path: Path):
    journal = journal_of(rich_events())
    record = record_of(statement_of(journal, None), FileSigner(tmp_path / "key.pem"))
    other = statement_of(journal, None, facts={"operator": "ole@example.com"})
    page = parsed(
        record_page(other, None, journal, record=record, checked=Checked(AT, anchored=14))
    )
    assert "✗ Gehört nicht zum Beleg" in text_of(page, "siegel")
    assert "Unverändert" not in text_of(page)


def test_a_journal_or_notebook_that_is_not_the_sealed_one_is_named():
    journal, notebook = journal_of(rich_events()), rich_notebook()
    statement = statement_of(journal, notebook)
    page = parsed(record_page(statement, notebook + b" ", journal.replace(b"anna@", b"ole@")))
    text = text_of(page)
    assert "journal.jsonl ist nicht die Datei, die versiegelt wurde." in text
    assert "notebook.ipynb ist nicht die Datei, die versiegelt wurde." in text
    assert "Dieses Journal ist nicht das versiegelte." in text_of(page, "verlauf")
    assert "Dieses Notebook ist nicht das versiegelte." in text_of(page, "notebook")
    assert "ole@" not in text_of(page, "freigaben")


def test_each_planned_action_stands_beside_what_became_of_it():
    page = page_of(rich_events())
    rows = [
        [" ".join(cell.get_text(" ").split()) for cell in row.find_all("td")]
        for row in page.select("#plan tbody tr")
    ]
    shown = [(row[0].split()[0], row[1], row[2], row[5]) for row in rows]
    assert shown == [
        ("candidate", "✓ getan", OPERATION, "9,3 s"),
        ("traffic-10", "✗ begonnen, Ausgang unbekannt", "–", "–"),
        ("traffic-100", "! nicht begonnen", "–", "–"),
        ("back", "✓ getan", "–", "3,1 s"),
    ]


def test_a_broken_glass_is_loud_and_approvals_name_exactly_their_plan():
    page = page_of(rich_events())
    alarm = page.select_one("#freigaben .alarm")
    assert alarm is not None
    assert "Niemand ist erreichbar, Kunden sehen Fehler 500." in alarm.get_text()
    text = text_of(page, "freigaben")
    for said in ("erika@example.com ✓ Freigabe", PLAN.digest, "26.11.2026, 04:14:00",
                 "kann ihn nicht selbst freigeben"):  # fmt: skip
        assert said in text


def test_an_approval_of_a_plan_that_the_run_never_made_stands_out():
    events = [*rich_events(), {"event": "approval.given", "digest": "e" * 64, "by": "x"}]
    assert "✗ kein Plan dieses Laufs" in text_of(page_of(events), "freigaben")


def test_api_calls_are_shown_with_resource_and_operation():
    text = text_of(page_of(rich_events()), "aufrufe")
    assert "google.cloud.run.v2.Services.UpdateService" in text
    assert OPERATION in text
    assert "Dazu 17 lesende Aufrufe" in text


def test_what_was_masked_is_counted_by_kind():
    text = text_of(page_of(rich_events()), "maskiert")
    assert "Geheimnisse, die der Lauf las 12 Kennwörter 3 E-Mail-Adressen 2" in text


def test_torn_lines_gaps_and_steps_of_the_clock_are_told():
    journal = journal_of(rich_events())
    torn = journal.index(b'{"seq": 16')
    journal = journal[:torn] + b'{"seq": 1\n' + journal[torn:].replace(b'"seq": 18,', b'"seq": 19,')
    journal = journal.replace(b"T03:14:43.400000Z", b"T03:14:03.400000Z")
    text = text_of(parsed(record_page(statement_of(journal, None), None, journal)), "journal")
    assert f"Ab Byte {torn} ist eine Zeile gerissen." in text
    assert "Ereignis 19 folgt nicht auf das Ereignis davor." in text
    assert "Vor Ereignis 15 ging die Uhr um 36,9 s zurück." in text


def test_a_run_that_crashed_at_once_has_a_page_too():
    page = page_of([{"event": "run.started", "run": "r"}])
    text = text_of(page)
    for said in (
        "✗ Abgerissen", "Keine Aktion wurde begonnen.", "Der Lauf machte keinen Plan.",
        "Niemand gab einen Plan frei.", "Dieser Lauf hinterließ kein Notebook.",
        "Ende nicht festgehalten",
    ):  # fmt: skip
        assert said in text


def test_a_record_without_its_journal_still_says_what_was_sealed():
    journal = journal_of(rich_events())
    page = parsed(record_page(statement_of(journal, None), None, b""))
    assert "Das Journal liegt nicht vor." in text_of(page, "verlauf")
    assert "traffic-10" in text_of(page, "plan")
    assert "nicht die Datei" not in text_of(page)


def test_it_loads_nothing_runs_nothing_and_leads_nowhere():
    page = page_of(rich_events(), rich_notebook())
    assert [] == page.find_all(["script", "link", "iframe", "object", "embed", "form", "base"])
    sources = [str(tag[name])[:10] for tag in page.find_all() for name in ("src", "href", "action")
               if tag.get(name)]  # fmt: skip
    assert {"#", "d"} == {source[0] for source in sources}
    assert [] == [key for tag in page.find_all() for key in tag.attrs if key.startswith("on")]
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert policy is not None
    assert str(policy["content"]).startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    assert [] == re.findall(r"url\(|@import", str(page.find("style")))


def test_it_is_accessible():
    page = page_of(rich_events(), rich_notebook())
    assert "de" == page.html["lang"]  # type: ignore[index]  # it has an html element
    levels = [int(tag.name[1]) for tag in page.find_all(re.compile(r"^h[1-6]$"))]
    assert (1, 1) == (levels[0], levels.count(1))
    assert [] == [(a, b) for a, b in itertools.pairwise(levels) if b > a + 1]
    own = [
        table
        for table in page.find_all("table")
        if not table.find_parent(class_=["blatt", "prosa"])
    ]
    assert [] == [table for table in own if table.find("caption") is None]
    assert [] == [head for table in own for head in table.find_all("th") if not head.get("scope")]
    assert [] == [image for image in page.find_all("img") if not image.get("alt")]
    assert [] == [box for box in page.find_all("input") if box.find_parent("label") is None]
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(set(ids)) == len(ids)


def test_all_words_can_be_read_in_light_and_dark():
    css = (Path(page_module.__file__).parent / "page.css").read_text("utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+):(#[0-9a-f]+)", line)) for line in css.splitlines()[:2]
    )
    pairs = [(text, ground) for text in ("text", "leise", "link", "good", "wait", "bad")
             for ground in ("grund", "flaeche")]  # fmt: skip
    pairs += [(tone, f"{ground}-f") for ground in ("good", "wait", "bad")
              for tone in ("text", "good", "wait", "bad")]  # fmt: skip
    weak = [(text, ground, round(_contrast(colours[text], colours[ground]), 2))
            for colours in (light, dark) for text, ground in pairs
            if _contrast(colours[text], colours[ground]) < 4.5]  # fmt: skip
    assert [] == weak


def test_the_same_record_gives_the_same_page():
    journal, notebook = journal_of(rich_events()), rich_notebook()
    statement = statement_of(journal, notebook)
    assert record_page(statement, notebook, journal) == record_page(statement, notebook, journal)


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    colour = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
