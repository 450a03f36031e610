"""What an incident is, its timeline, and what is written about it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.incident import Incident, InvalidIncident, Severity, incident_id
from leitstand.core.triage.post_mortem import Moments, escaped, post_mortem
from leitstand.core.triage.ranking import rank
from leitstand.core.triage.signals import Source
from leitstand.core.triage.status_text import RunLink, State, colleague_status, customer_status
from leitstand.core.triage.symptoms import read_symptoms
from leitstand.core.triage.timeline import Entry, build_timeline
from tests.core.triage.made import NOW, POLICY, ago, failing, healthy, lines, locked, run

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {"leitung": "Ada Lovelace", "technik": "Grace Hopper"}
INCIDENT = Incident("inc-20261126-3f9a", Severity.SEV2, "Web antwortet mit Fehlern", NOW, PEOPLE)
LOCK = rank(healthy(**failing(since=40), database=locked()), POLICY)[0]
SYMPTOMS = read_symptoms(healthy(**failing(since=40)), POLICY)
RUN = "20261126-034100-end_session-0a1b"
EVENTS: list[Mapping[str, object]] = [
    {"at": "2026-11-26T03:41:00Z", "event": "run.started", "runbook": "end_session",
     "operator": "gh"},
    {"at": "2026-11-26T03:41:01Z", "event": "cell.started", "index": 1},
    {"at": "2026-11-26T03:41:02Z", "event": "approval.given", "by": "al"},
    {"at": "2026-11-26T03:41:03Z", "event": "action.intent", "id": "end-4711", "kind": "end",
     "target": "projects/p/instances/main"},
    {"at": "2026-11-26T03:41:04Z", "event": "action.outcome", "id": "end-4711", "status": "done"},
    {"at": "2026-11-26T03:41:05Z", "event": "run.completed"},
    {"at": "nonsense", "event": "run.failed"},
    {"event": "run.failed"},
]  # fmt: skip


INVALID: list[tuple[str, dict[str, object], str]] = [
    ("an id of another form", {"id": "INC-1"}, "id"),
    ("an id of another day", {"id": "inc-20261125-3f9a"}, "id"),
    ("no title", {"title": " "}, "title"),
    ("a title of two lines", {"title": "a\nb"}, "title"),
    ("a title that is a report", {"title": "x" * 200}, "title"),
    ("a time without zone", {"declared_at": datetime(2026, 11, 26, 3, 40)}, "declared_at"),  # noqa: DTZ001
    ("nobody who leads", {"roles": {"technik": "x"}}, "roles"),
    ("an unknown role", {"roles": {"leitung": "x", "chef": "y"}}, "roles"),
]


@pytest.mark.parametrize(("case", "changed", "field"), INVALID, ids=[case for case, *_ in INVALID])
def test_what_is_no_incident_is_refused_and_named(
    case: str, changed: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidIncident) as refusal:
        replace(INCIDENT, **changed)  # type: ignore[arg-type]  # that is what is refused
    assert field == refusal.value.field
    assert refusal.value.advice


def test_an_incident_survives_its_way_through_a_journal() -> None:
    assert INCIDENT == Incident.from_data(INCIDENT.as_data())


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(InvalidIncident):
        Incident.from_data({**INCIDENT.as_data(), "severity": "sev0"})


def test_an_id_names_the_day_in_utc() -> None:
    at = datetime(2026, 11, 27, 0, 30, tzinfo=BERLIN)
    assert "inc-20261126-00ff" == incident_id(at, "00ff")


def test_a_timeline_holds_everything_in_its_order_and_nothing_twice() -> None:
    signals = healthy(
        **failing(since=40),
        errors=[lines("Sperre")],
        runs=[run(RUN, -60), run("20261126-033000-migrate-3f9a", 120)],
    )
    entries = build_timeline(incident=INCIDENT, signals=signals, policy=POLICY, runs={RUN: EVENTS})
    assert [
        "20261126-033000-migrate-3f9a",
        "Logs",
        "Monitoring",
        "inc-20261126-3f9a",
        *([RUN] * 5),
    ] == [entry.source for entry in entries]
    assert sorted(entries, key=lambda e: e.at) == list(entries)
    assert {UTC} == {entry.at.tzinfo for entry in entries}
    assert "Änderung erledigt: main." == entries[-2].text


def test_a_timeline_of_nothing_is_empty() -> None:
    assert () == build_timeline()


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("cause", Cause)
def test_customers_read_nothing_internal(state: State, cause: Cause) -> None:
    inner = "pid 4711 web-00003 public.documents Grace"
    hypothesis = Hypothesis(
        cause,
        inner,
        0.9,
        (Evidence(inner, Source.DATABASE),),
        (),
        (Treatment("end_session", {"pid": 4711}, inner),),
        inner,
        target="database-url",
    )
    text = customer_status(
        replace(INCIDENT, title=inner),
        state,
        zone=BERLIN,
        hypothesis=hypothesis,
        next_update=NOW + timedelta(minutes=30),
    )
    words = (*inner.split(), *PEOPLE.values(), "Redis", "Cloud", "Secret", cause.value)
    assert [] == [word for word in words if word in text]
    assert state.wording in text


def test_customers_hear_what_is_disturbed_what_is_done_and_when_they_hear_more() -> None:
    assert (
        "Ursache erkannt – 26.11.2026, 04:40 Uhr\n\n"
        "Es kommt zu Fehlern. Betroffen: die Anwendung.\n"
        "Wir kennen die Ursache und beheben sie.\n"
        "Das nächste Mal berichten wir am 26.11.2026, 05:10 Uhr."
    ) == customer_status(
        INCIDENT,
        State.IDENTIFIED,
        zone=BERLIN,
        hypothesis=LOCK,
        symptoms=SYMPTOMS,
        next_update=NOW + timedelta(minutes=30),
    )


def test_customers_hear_of_a_danger_to_their_data_to_the_end() -> None:
    hypothesis = Hypothesis(Cause.TENANTS_NOT_APART, "", 0.9, (), (), (), "")
    for state in State:
        text = customer_status(INCIDENT, state, zone=BERLIN, hypothesis=hypothesis)
        assert "Daten für andere Kunden sichtbar" in text


def test_colleagues_read_severity_cause_treatment_roles_and_what_is_unknown() -> None:
    text = colleague_status(
        INCIDENT,
        State.IDENTIFIED,
        zone=BERLIN,
        hypotheses=[LOCK],
        symptoms=SYMPTOMS,
        missing=["Redis"],
        runs=[RunLink(RUN, "end_session", "läuft", "https://example.com/r")],
    )
    for part in (
        "sev2", "Ada Lovelace", "Kommunikation: offen", LOCK.title, LOCK.evidence[0].text,
        f"Lauf end_session: läuft ({RUN}) https://example.com/r", "unbekannt: Redis", "web: ",
    ):  # fmt: skip
        assert part in text


def test_colleagues_read_what_comes_next_while_nothing_runs() -> None:
    text = colleague_status(INCIDENT, State.IDENTIFIED, zone=BERLIN, hypotheses=[LOCK])
    assert "Als Nächstes: end_session" in text


DRAFT = post_mortem(
    INCIDENT,
    zone=BERLIN,
    timeline=[Entry(NOW, "Logs", 'Fehler | <script> in "a_b" * `c`')],
    hypothesis=LOCK,
    symptoms=SYMPTOMS,
    runs=[RunLink(RUN, "end_session", "am Ziel", "https://example.com/r")],
    moments=Moments(ago(90), NOW, NOW + timedelta(seconds=30), NOW + timedelta(minutes=10)),
)


def test_a_post_mortem_has_all_its_parts() -> None:
    assert [
        "Zusammenfassung", "Auswirkung", "Kennzahlen", "Zeitleiste", "Ursache", "Behandlung",
        "Was gut lief", "Was schlecht lief", "Maßnahmen",
    ] == [line[3:] for line in DRAFT.splitlines() if line.startswith("## ")]  # fmt: skip


def test_a_post_mortem_computes_its_figures() -> None:
    for row in (
        "| Beginn bis bemerkt | 90 s |",
        "| Bemerkt bis Ursache benannt | 30 s |",
        "| Bemerkt bis behoben | 10 min |",
        "| Beginn bis behoben | 11 min |",
    ):
        assert row in DRAFT


def test_a_post_mortem_leaves_open_what_it_does_not_know() -> None:
    draft = post_mortem(INCIDENT, zone=BERLIN)
    assert "| Bemerkt bis behoben | *offen* |" in draft
    assert "Die Ursache ist offen." in draft


def test_a_time_before_its_beginning_gives_no_figure() -> None:
    moments = Moments(began=NOW, detected=ago(60))
    assert "| Beginn bis bemerkt | *offen* |" in post_mortem(INCIDENT, zone=BERLIN, moments=moments)


def test_text_from_outside_is_no_markdown() -> None:
    row = next(line for line in DRAFT.splitlines() if "Fehler" in line and line.startswith("| 26"))
    assert r'| 26.11. 04:40:00 | Logs | Fehler \| \<script\> in "a\_b" \* \`c\` |' == row


MARKS = [
    ("# a", r"\# a"),
    ("- a", r"\- a"),
    ("1. a", r"1\. a"),
    ("a\n\n# b", r"a \# b"),
    ("[x](http://y)", r"\[x\](http://y)"),
    ("<b>&amp;", r"\<b\>\&amp;"),
    ("a\\", "a\\\\"),
]


@pytest.mark.parametrize(("text", "expected"), MARKS)
def test_marks_of_markdown_are_escaped(text: str, expected: str) -> None:
    assert expected == escaped(text)
