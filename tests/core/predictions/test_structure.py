"""What of a database's structure is taken over, and how two of them are compared."""

from dataclasses import replace

import pytest

from leitstand.core.predictions.structure import (
    Structure,
    headline,
    structure_of,
    too_many_locks,
    unlike_structure,
)
from leitstand.core.statements import LARGE

DUMP = r"""
-- Dumped by somebody
\restrict random
SET row_security = off;
CREATE TABLE public.documents (
    id bigint NOT NULL,
    note text DEFAULT 'a;b'::text
);
CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example');
CREATE USER MAPPING FOR app SERVER other OPTIONS (password 'hush');
CREATE INDEX documents_note ON public.documents (note);
\unrestrict random
"""
ROWS = "Zeilen der Datenbank: Dort sind es etwa 7, zusammen 128 MiB (documents 128 MiB)"
APPLIED = [
    ("documents", "0001_initial", "2026-09-01T00:00:00+00:00"),
    ("documents", "0002_bookmarks", "2026-10-01T00:00:00+00:00"),
]


def structure(dump: str = DUMP, **more: int) -> Structure:
    return structure_of(dump, APPLIED, sizes={"documents": 8192, **more}, rows={"documents": 7})


def test_definitions_are_taken_over_one_by_one_and_nothing_that_leads_elsewhere() -> None:
    seen = structure()
    assert ["SET row_security = off", "CREATE TABLE public.documents"] == [
        headline(statement) for statement in seen.statements[:2]
    ]
    assert 3 == len(seen.statements)
    assert ("SERVER", "USER MAPPING") == seen.kept_back
    assert "hush" not in repr(seen)


def test_a_summary_holds_no_definition() -> None:
    seen = structure(events=LARGE)
    summary = seen.summary()
    assert {"documents": "0002_bookmarks"} == summary["migrations"]
    assert ["events"] == summary["large"]
    assert "CREATE" not in repr(summary)
    again = replace(seen, statements=tuple(reversed(seen.statements)))
    assert summary == again.summary()


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("CREATE VIEW x AS SELECT 1", "CREATE VIEW x"),
        ("CREATE VIEW x\nAS\n SELECT dblink('password=hush'::text)", "CREATE VIEW x"),
        (
            "CREATE TRIGGER t AFTER INSERT ON x EXECUTE FUNCTION public.f('hush')",
            "CREATE TRIGGER t AFTER INSERT ON x EXECUTE FUNCTION public.f",
        ),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $_$hush$_$",
         "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql"),
        ("DO $$hush$$", "DO"),
        ("ALTER TABLE x ALTER COLUMN a SET DEFAULT 'hush'::text",
         "ALTER TABLE x ALTER COLUMN a SET DEFAULT"),
    ],
)  # fmt: skip
def test_a_headline_ends_before_any_text_or_definition(statement: str, shown: str) -> None:
    assert shown == headline(statement)


def test_a_dump_leaves_half_of_the_locks_to_others() -> None:
    assert "" == too_many_locks(3200, 6400)
    assert "3201 Tabellen" in too_many_locks(3201, 6400)


def test_a_structure_is_like_itself() -> None:
    plain = replace(structure(), kept_back=())
    assert () == unlike_structure(plain, plain)


def test_everything_that_is_not_alike_is_a_sentence() -> None:
    theirs = replace(structure(documents=2 * LARGE), invalid=("documents_half",))
    ours = replace(
        structure(),
        statements=(*theirs.statements[:2], "CREATE TABLE public.more (id int)"),
        applied=theirs.applied[:1],
    )
    assert (
        "Datenbank, SERVER: Solche Definitionen werden nicht gelesen.",
        "Datenbank, USER MAPPING: Solche Definitionen werden nicht gelesen.",
        "Datenbank, ungültiger Index documents_half: In der Probe fehlt er.",
        "Datenbank: In der Probe fehlt CREATE INDEX documents_note ON public.documents.",
        "Datenbank: Nur die Probe hat CREATE TABLE public.more.",
        "Migration documents.0002_bookmarks: Nur eine der beiden Datenbanken hat sie.",
        "Tabelle documents: Dort ist sie groß, in der Probe nicht.",
        f"{ROWS}; in der Probe sind die Tabellen leer.",
    ) == unlike_structure(theirs, ours)
