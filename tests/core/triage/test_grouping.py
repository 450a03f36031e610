"""Error lines that are alike share a group, whatever names, numbers and times they hold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leitstand.core.triage.grouping import ErrorLine, group, masked, telling_line

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
TRACE = """Traceback (most recent call last):
  File "/app/views.py", line 12, in get
    return rows[0]
psycopg.errors.UndefinedColumn: column "pages" does not exist
"""
JAVA = "Request failed\n  at app.Main(Main.java:3)\njava.lang.IllegalStateException: closed\n"

MASKED = {
    "numbers": ("gave up after 3 of 12.5 tries", "gave up after <Zahl> of <Zahl> tries"),
    "a UUID": ("tenant 6F9619FF-8B86-D011-B42D-00CF4FC964FF", "tenant <UUID>"),
    "a time": ("2026-11-26T03:37:56.123Z slow", "<Zeit> slow"),
    "a time of day": ("at 03:37:56,5 slow", "at <Zeit> slow"),
    "quoted text": ("relation \"a\" or 'b c' missing", "relation <Text> or <Text> missing"),
    "German quotes": ("Die Tabelle „a b“ fehlt", "Die Tabelle <Text> fehlt"),
    "an apostrophe is no quote": ("can't open, won't wait", "can't open, won't wait"),
    "hexadecimal": ("at 0x7ffe and deadbeef01", "at <Hex> and <Hex>"),
    "a word of hexadecimal letters stays": ("facade added", "facade added"),
    "ids in a path": ("GET /tenants/nord-7/docs/42?x=1", "GET /tenants/<ID>/docs/<ID>?x=<Zahl>"),
    "digits of a name stay": ("step v2_migrate", "step v2_migrate"),
    "white space": ("a \t b", "a b"),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKED)
def test_what_varies_is_masked(name: str) -> None:
    line, expected = MASKED[name]
    assert expected == masked(line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRACE, 'psycopg.errors.UndefinedColumn: column "pages" does not exist'),
        (JAVA, "java.lang.IllegalStateException: closed"),
        ("refused\ndetails follow", "refused"),
        (" \n", ""),
    ],
)
def test_a_stack_trace_is_told_by_its_last_line(text: str, expected: str) -> None:
    assert expected == telling_line(text)


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach postgresql://app:hunter22@10.0.0.3:5432/app",
        "cannot reach postgresql://app:a/hunter22/b@10.0.0.3:5432/app",
        "header Authorization: Bearer hunter22.hunter22",
        "login failed, password=hunter22",
        "bad config {'api_key': 'hunter22'}",
        "key sk-hunter22hunter22 was refused",
    ],
)
def test_passwords_and_keys_are_hidden(text: str) -> None:
    (found,) = group([ErrorLine(NOON, "web", "web-1", text)])
    assert "hunter22" not in found.pattern + found.example


def test_a_group_tells_who_wrote_when_and_how_often() -> None:
    later = NOON + timedelta(seconds=9)
    found = group(
        [
            ErrorLine(later, "web", "web-2", "row 7 is gone"),
            ErrorLine(NOON, "web", "web-1", "row 8 is gone"),
            ErrorLine(NOON, "web", "web-2", "row 9 is gone"),
            ErrorLine(NOON, "worker", "worker-1", "row 7 is gone"),
        ]
    )
    assert [("web", 3), ("worker", 1)] == [(g.service, g.count) for g in found]
    assert ("row <Zahl> is gone", "row 8 is gone") == (found[0].pattern, found[0].example)
    assert {"web-1": 1, "web-2": 2} == found[0].revisions
    assert (NOON, later) == (found[0].first, found[0].last)


def test_no_lines_make_no_group() -> None:
    assert () == group([])


def test_a_long_line_is_cut() -> None:
    (found,) = group([ErrorLine(NOON, "web", "web-1", "x " * 50_000)])
    assert max(len(found.pattern), len(found.example)) <= 300


texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from([TRACE, JAVA]),
    st.builds(
        "{} of {} '{}' /a/{}".format, st.integers(), st.uuids(), st.text("ab "), st.integers()
    ),
)
lines = st.lists(
    st.builds(
        ErrorLine,
        st.integers(0, 5).map(lambda s: NOON + timedelta(seconds=s)),
        st.sampled_from(["web", "worker"]),
        st.sampled_from(["r1", "r2"]),
        texts,
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(lines, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(given_lines: list[ErrorLine], random: object) -> None:
    shuffled = list(given_lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert group(given_lines) == group(shuffled)


@settings(max_examples=25, deadline=None)
@given(lines)
def test_no_line_is_lost_and_the_most_frequent_group_is_first(given_lines: list[ErrorLine]) -> None:
    found = group(given_lines)
    counts = [g.count for g in found]
    assert len(given_lines) == sum(counts)
    assert counts == [sum(g.revisions.values()) for g in found]
    assert counts == sorted(counts, reverse=True)


@settings(max_examples=25, deadline=None)
@given(texts)
def test_a_masked_line_stays_as_it_is(text: str) -> None:
    once = masked(telling_line(text))
    assert once == masked(once)
