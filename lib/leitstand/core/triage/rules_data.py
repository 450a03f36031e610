"""Are tenants kept apart, and do the vector indexes serve?"""

from collections.abc import Iterator

from leitstand.core.german import count, listing
from leitstand.core.triage.hypotheses import Cause, Evidence, Hypothesis, Treatment
from leitstand.core.triage.signals import Missing, Source
from leitstand.core.triage.symptoms import SymptomKind
from leitstand.core.triage.view import Suspect, View

__all__ = ["invalid_vector_indexes", "tenants_not_apart"]


def tenants_not_apart(view: View) -> Iterator[Suspect]:
    """Yield a suspect if a table shows one tenant the rows of another."""
    isolation = view.signals.isolation
    if isinstance(isolation, Missing) or not isolation.open_tables:
        return
    tables = sorted(isolation.open_tables)
    evidence = tuple(
        Evidence(f"{table}: {isolation.open_tables[table]}", Source.ISOLATION)
        for table in tables[:4]
    )
    yield Suspect(
        Hypothesis(
            Cause.TENANTS_NOT_APART,
            f"Mandanten sind nicht getrennt: {listing(tables)}",
            0.95,
            evidence,
            (),
            (
                Treatment(
                    "tenant_isolation",
                    {"apply": True},
                    "Schließt die Lücken in der Row-Level Security und prüft sie danach.",
                ),
                Treatment(
                    "maintenance_mode",
                    {"on": True},
                    "Zeigt allen die Wartungsseite, bis die Lücke geschlossen ist.",
                ),
            ),
            f"Alle Mandanten: {count(len(tables), 'Eine Tabelle zeigt', 'Tabellen zeigen')} ihre"
            " Zeilen womöglich anderen. Das kann eine meldepflichtige Verletzung sein.",
        )
    )


def invalid_vector_indexes(view: View) -> Iterator[Suspect]:
    """Yield a suspect if an index of the vector store is invalid, or one is missing and felt.

    A table that has outgrown a whole search is a matter for maintenance as long as nobody waits.
    """
    vectors = view.signals.vectors
    if isinstance(vectors, Missing):
        return
    slow = [s.text for s in view.symptoms if s.kind is SymptomKind.LATENCY]
    if not (vectors.invalid or (vectors.tables_without and slow)):
        return
    evidence: list[Evidence] = []
    if vectors.invalid:
        told = count(len(vectors.invalid), "Ein Index ist", "Indexe sind")
        text = f"{told} ungültig, und niemand baut daran: {listing(vectors.invalid)}."
        evidence.append(Evidence(text, Source.VECTORS))
    if vectors.tables_without:
        told = count(len(vectors.tables_without), "Eine Tabelle hat", "Tabellen haben")
        text = f"{told} keinen gültigen Vektorindex: {listing(vectors.tables_without)}."
        evidence.append(Evidence(text, Source.VECTORS))
    evidence += [Evidence(text, Source.TRAFFIC) for text in slow[:1]]
    tables = sorted(vectors.tables_without)
    yield Suspect(
        Hypothesis(
            Cause.INVALID_VECTOR_INDEX,
            "Ein Vektorindex ist ungültig" if vectors.invalid else "Ein Vektorindex fehlt",
            0.7 if vectors.invalid else 0.5,
            tuple(evidence),
            (),
            (
                Treatment(
                    "pgvector_maintenance",
                    {"tables": tables} if tables else {},
                    "Räumt ungültige Indexe weg, baut sie neu und misst danach die Trefferquote.",
                ),
            ),
            "Wer sucht: Anfragen durchsuchen die ganze Tabelle und dauern länger.",
        )
    )
