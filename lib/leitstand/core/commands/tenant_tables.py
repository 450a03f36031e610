"""A tenant's own tables as statements: like the shared ones, with everything but their rows."""

from collections.abc import Mapping, Sequence

from leitstand.core.commands.sql_text import array, identifier, literal

__all__ = ["mirrored"]

_SERIALS = """WITH pairs (old_schema, old_table, new_schema) AS (VALUES {pairs})
SELECT format('CREATE SEQUENCE %I.%I AS %s', new_schema, sequence.relname,
              format_type(kind.seqtypid, NULL)),
       format('ALTER TABLE %I.%I ALTER COLUMN %I SET DEFAULT nextval(%L::regclass)', new_schema,
              old_table, attribute.attname, format('%I.%I', new_schema, sequence.relname)),
       format('ALTER SEQUENCE %I.%I OWNED BY %I.%I.%I', new_schema, sequence.relname,
              new_schema, old_table, attribute.attname)
FROM pairs JOIN pg_attribute AS attribute
     ON attribute.attrelid = format('%I.%I', old_schema, old_table)::regclass
JOIN pg_depend AS part ON part.refclassid = 'pg_class'::regclass
     AND part.refobjid = attribute.attrelid AND part.refobjsubid = attribute.attnum
     AND part.classid = 'pg_class'::regclass AND part.deptype = 'a'
JOIN pg_class AS sequence ON sequence.oid = part.objid AND sequence.relkind = 'S'
JOIN pg_sequence AS kind ON kind.seqrelid = sequence.oid \\gexec"""
_FOREIGN_KEYS = """WITH pairs (old_schema, old_table, new_schema) AS (VALUES {pairs})
SELECT format('ALTER TABLE %I.%I ADD CONSTRAINT %I ', own.new_schema, own.old_table, given.conname)
  || CASE WHEN other.new_schema IS NULL THEN pg_get_constraintdef(given.oid)
     ELSE replace(pg_get_constraintdef(given.oid),
                  'REFERENCES ' || format('%I.%I', space.nspname, target.relname) || '(',
                  'REFERENCES ' || format('%I.%I', other.new_schema, target.relname) || '(') END
FROM pairs AS own JOIN pg_constraint AS given
     ON given.conrelid = format('%I.%I', own.old_schema, own.old_table)::regclass
JOIN pg_class AS target ON target.oid = given.confrelid
JOIN pg_namespace AS space ON space.oid = target.relnamespace
LEFT JOIN pairs AS other
     ON (other.old_schema, other.old_table) = (space.nspname::text, target.relname::text)
WHERE given.contype = 'f' AND given.conparentid = 0 \\gexec"""
_VECTOR_INDEXES = """SELECT format('DROP INDEX %I.%I', space.nspname, entry.relname)
FROM pg_index AS index JOIN pg_class AS entry ON entry.oid = index.indexrelid
JOIN pg_namespace AS space ON space.oid = entry.relnamespace
JOIN pg_am AS method ON method.oid = entry.relam
WHERE space.nspname = ANY({schemas}) AND method.amname IN ('ivfflat', 'hnsw') \\gexec"""


def mirrored(
    schemas: Mapping[str, Sequence[Sequence[str]]], *, column: str, tenant: str, role: str
) -> list[str]:
    """Return statements for psql that make the tables of new schemas like shared ones.

    Indexes of embeddings are left out, since IVFFLAT has no lists on an empty table; a check holds
    each table to its tenant.

    Args:
        schemas: The shared tables, by the new schema.
        column: Names the tenant.
        tenant: Its id.
        role: Gets the right to read and write all of it.
    """
    tables = [(str(old[0]), str(old[1]), new) for new, listed in schemas.items() for old in listed]
    pairs = ", ".join(f"({', '.join(map(literal, table))})" for table in tables)
    statements = [
        "SET LOCAL search_path TO pg_catalog;",
        "SET LOCAL client_min_messages TO warning;",
    ]
    for old_schema, table, new in tables:
        made, check = identifier(new, table), identifier(f"{table[:50]}_of_tenant")
        statements += [
            f"CREATE TABLE {made} (LIKE {identifier(old_schema, table)} INCLUDING ALL);",
            (
                f"ALTER TABLE {made} ADD CONSTRAINT {check}"
                f" CHECK ({identifier(column)} = {literal(tenant)});"
            ),
        ]
    if tables:
        statements += [_SERIALS.replace("{pairs}", pairs), _FOREIGN_KEYS.replace("{pairs}", pairs)]
    statements.append(_VECTOR_INDEXES.replace("{schemas}", array(list(schemas))))
    for schema in schemas:
        statements += [
            f"GRANT USAGE ON SCHEMA {identifier(schema)} TO {identifier(role)};",
            (
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA"
                f" {identifier(schema)} TO {identifier(role)};"
            ),
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {identifier(schema)} TO {identifier(role)};",
        ]
    return statements
