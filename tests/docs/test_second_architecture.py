"""Pages about vectors, migrations, incidents and tenants: true to the code that they tell of."""

import re
from pathlib import Path

import pytest
import yaml

from leitstand.core.statements import Effect
from leitstand.core.triage.hypotheses import Cause
from leitstand.core.vectors.definitions import wanted_lists
from leitstand.notebook.migrate import _ALLOWED
from leitstand.notebook.migrate_wording import EFFECTS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
VECTORS = (DOCS / "rag/overview.md").read_text("utf-8")
MIGRATIONS = (DOCS / "runbooks/migrations.md").read_text("utf-8")
INCIDENTS = (DOCS / "runbooks/incidents.md").read_text("utf-8")
TENANTS = (DOCS / "betrieb/mandanten.md").read_text("utf-8")
TRIAGE = ROOT / "lib/leitstand/core/triage"
BASE = yaml.safe_load((ROOT / "config/environments/base.yaml").read_text("utf-8"))


def rows(page: str, head: str) -> list[list[str]]:
    """Return the cells of the table with a head, row by row."""
    lines = page[page.index(f"| {head} |") :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize(
    ("table", "count", "lists"),
    [(0, 100_000, 100), (1, 1_000_000, 1_000), (2, 4_000_000, 2_000)],
    ids=["few", "many", "very many"],
)
def test_lists_scale_with_rows_as_the_page_says(table: int, count: int, lists: int):
    limit, rule = rows(VECTORS, "Zeilen | `lists`")[table]
    means = ["<!-- soll: lists -->", "eine je 1000 Zeilen", "die Wurzel aus der Zeilenzahl"]
    assert [means[table], lists] == [
        rule,
        wanted_lists(count, BASE["rag_store"]["ivfflat"]["lists"]),
    ]
    assert limit in ("darüber", f"bis {count:_}".replace("_", " "))


def test_every_key_of_the_vector_store_is_explained():
    told = {key for row in rows(VECTORS, "Schlüssel | Bedeutung") for key in row[0].split("`")}
    store = BASE["rag_store"]
    wanted = {k for k, v in store.items() if not isinstance(v, dict)} | {
        f"{group}.{key}" if key != "iterative_scan" else "…iterative_scan"
        for group, below in store.items()
        if isinstance(below, dict)
        for key in below
    }
    assert wanted == {key for key in told if re.fullmatch(r"[…\w.]+", key)}


def test_every_class_of_a_statement_is_told_with_what_allows_it():
    told = {row[0]: row[2] for row in rows(MIGRATIONS, "Klasse | Beispiel | `allow`")}
    assert list(EFFECTS.values()) == list(told)
    for effect, word in EFFECTS.items():
        least = next(name for name, most in _ALLOWED.items() if effect <= most)
        wanted = "immer erlaubt" if effect is Effect.HARMLESS else f"`{least}`"
        assert told[word].startswith(wanted)


def test_every_cause_stands_in_the_order_in_which_they_follow_from_each_other():
    ids = [row[1].strip("`") for row in rows(INCIDENTS, "Ursache | Kennung | Runbook, das hilft")]
    assert [cause.value for cause in Cause] == ids


def test_every_runbook_that_treats_a_cause_is_linked_and_no_other():
    code = "".join(path.read_text("utf-8") for path in TRIAGE.glob("*.py"))
    treating = set(re.findall(r'Treatment\(\s*"(\w+)"', code))
    cells = [row[2] for row in rows(INCIDENTS, "Ursache | Kennung | Runbook, das hilft")]
    assert treating == set(re.findall(r"\]\((\w+)\.ipynb\)", "".join(cells)))


@pytest.mark.parametrize("option", ["schema_per_tenant", "row_level_security"])
def test_both_models_of_tenancy_are_told(option: str):
    assert f"`{option}`" in TENANTS


@pytest.mark.parametrize(
    ("page", "runbooks"),
    [
        (VECTORS, {"pgvector_maintenance"}),
        (MIGRATIONS, {"migrate", "rollback", "restore_drill"}),
        (INCIDENTS, {"incident"}),
        (TENANTS, {"onboard_tenant", "tenant_isolation"}),
    ],
    ids=["vectors", "migrations", "incidents", "tenants"],
)
def test_a_page_leads_to_the_runbooks_of_its_subject(page: str, runbooks: set[str]):
    assert runbooks <= set(re.findall(r"\]\((?:\.\./runbooks/)?(\w+)\.ipynb\)", page))


FACTS = [
    (VECTORS, "REINDEX CONCURRENTLY"),
    (VECTORS, "`ANALYZE` | <!-- soll: rag-wartung -->"),
    (VECTORS, "`VACUUM` | nach jeder größeren Löschung"),
    (VECTORS, "HNSW"),
    (VECTORS, "Re-Ranking"),
    (VECTORS, "<!-- soll: ef-search -->"),
    (VECTORS, "<!-- soll: rag-schemas -->"),
    (VECTORS, "private Adresse"),
    (MIGRATIONS, "Vector-Schema-Migrations"),
    (MIGRATIONS, "Index löschen und neu bauen"),
    (MIGRATIONS, "<!-- soll: migrate-frist -->"),
    (MIGRATIONS, "<!-- soll: migrate-wiederholungen -->"),
    (MIGRATIONS, "startet nur nach [Freigabe]"),
    (TENANTS, "USING (tenant_id = current_setting('app.tenant_id')::uuid)"),
    (TENANTS, "tenant_rag_"),
    (TENANTS, "Allowed Hosts"),
    (TENANTS, "`DATABASE_URL`"),
    (TENANTS, "../security/secrets.md"),
]
"""What the source document says of these subjects, and the page must not lose."""


@pytest.mark.parametrize(("page", "fact"), FACTS, ids=[fact for _, fact in FACTS])
def test_a_fact_of_the_source_document_is_told(page: str, fact: str):
    assert fact in page
