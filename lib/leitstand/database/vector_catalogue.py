"""How the catalogue is asked for a vector store, as SQL: relations by oid, all of them at once.

The statistics views are not asked, since each of them looks at every relation there is.
"""

__all__ = ["BUILDS", "COLUMNS", "FACTS", "INDEXES", "SCHEMAS", "STATE", "TABLES", "WORK"]

FACTS = """
SELECT clock_timestamp(), current_database()::text, current_user::text,
       coalesce(extension.extversion, ''),
       array(SELECT version FROM pg_available_extension_versions WHERE name = 'vector'),
       array(SELECT type.oid FROM pg_type AS type
             WHERE type.typname IN ('vector', 'halfvec', 'sparsevec')
               AND type.typnamespace = extension.extnamespace),
       array(SELECT method.oid FROM pg_am AS method WHERE method.amname IN ('ivfflat', 'hnsw')),
       current_setting('server_version_num')::int,
       pg_size_bytes(current_setting('maintenance_work_mem')),
       current_setting('max_parallel_maintenance_workers')::int,
       current_setting('max_parallel_workers')::int,
       current_setting('max_worker_processes')::int
FROM (SELECT) AS one LEFT JOIN pg_extension AS extension ON extension.extname = 'vector'
"""
SCHEMAS = """
SELECT oid, nspname FROM pg_namespace
WHERE nspname LIKE ANY(%s) AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%%'
ORDER BY nspname
"""
# Columns are found by what depends on their type: pg_attribute has no index by type.
COLUMNS = """
WITH kind AS (
    SELECT type.oid, type.typname, -1 AS modifier
    FROM pg_type AS type WHERE type.oid = ANY(%(types)s)
    UNION ALL
    SELECT domain.oid, base.typname, domain.typtypmod
    FROM pg_type AS domain JOIN pg_type AS base ON base.oid = domain.typbasetype
    WHERE base.oid = ANY(%(types)s)
)
SELECT part.attrelid, part.attname, kind.typname, greatest(part.atttypmod, kind.modifier, 0)
FROM kind
JOIN pg_depend AS use ON use.refclassid = 'pg_type'::regclass AND use.refobjid = kind.oid
     AND use.classid = 'pg_class'::regclass AND use.objsubid > 0
JOIN pg_attribute AS part ON part.attrelid = use.objid AND part.attnum = use.objsubid
JOIN pg_class AS entry ON entry.oid = part.attrelid
WHERE entry.relnamespace = ANY(%(schemas)s)
  AND entry.relkind IN ('r', 'm') AND entry.relpersistence <> 't'
ORDER BY part.attrelid, part.attnum
"""
# A relation that somebody holds for himself alone would keep the reader waiting for its size.
_HELD = """
WITH held AS MATERIALIZED (
    SELECT DISTINCT relation FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
"""
# PostgreSQL locks the table to describe an index, so it is asked only where the catalogue's plain
# columns do not tell: for expressions and predicates.
INDEXES = f"""{_HELD}
SELECT index.oid, entry.indrelid, method.amname, coalesce(part.attname, ''),
       CASE WHEN part.atttypid = 'bit'::regtype THEN greatest(part.atttypmod, 0) END,
       class.opcname, coalesce(index.reloptions, '{{}}'),
       CASE WHEN held.relation IS NULL THEN pg_relation_size(index.oid)
            ELSE index.relpages::bigint * current_setting('block_size')::int END,
       pg_stat_get_numscans(index.oid),
       CASE WHEN entry.indexprs IS NULL AND entry.indpred IS NULL
            THEN format('CREATE INDEX %%I ON %%I.%%I USING %%I (%%I %%I.%%I)', index.relname,
                        namespace.nspname, owner.relname, method.amname, part.attname,
                        space.nspname, class.opcname)
                 || coalesce(' WITH (' || array_to_string(index.reloptions, ', ') || ')', '')
            ELSE pg_get_indexdef(index.oid) END,
       CASE WHEN entry.indpred IS NULL THEN ''
            ELSE pg_get_expr(entry.indpred, entry.indrelid) END,
       index.relispartition
FROM pg_class AS index
JOIN pg_index AS entry ON entry.indexrelid = index.oid
JOIN pg_class AS owner ON owner.oid = entry.indrelid
JOIN pg_namespace AS namespace ON namespace.oid = index.relnamespace
JOIN pg_am AS method ON method.oid = index.relam
JOIN pg_opclass AS class ON class.oid = entry.indclass[0]
JOIN pg_namespace AS space ON space.oid = class.opcnamespace
LEFT JOIN pg_attribute AS part ON part.attrelid = entry.indrelid AND part.attnum = entry.indkey[0]
LEFT JOIN held ON held.relation = index.oid
WHERE index.relkind = 'i' AND index.relpersistence <> 't'
  AND index.relam = ANY(%(methods)s) AND index.relnamespace = ANY(%(schemas)s)
"""
# The cumulative statistics follow every change, but only since they were reset last, as after
# a crash: whether they know the whole table is seen from a VACUUM or ANALYZE that they know.
TABLES = f"""{_HELD}
SELECT entry.oid, namespace.nspname, entry.relname,
       CASE WHEN seen.vacuumed IS NULL AND seen.analyzed IS NULL
            THEN CASE WHEN seen.live > 0 THEN greatest(entry.reltuples::bigint, seen.live)
                      ELSE entry.reltuples::bigint END
            ELSE seen.live END,
       pg_stat_get_dead_tuples(entry.oid), pg_stat_get_mod_since_analyze(entry.oid),
       CASE WHEN held.relation IS NULL THEN pg_relation_size(entry.oid)
            ELSE entry.relpages::bigint * current_setting('block_size')::int END
       + CASE WHEN held.relation IS NULL AND entry.reltoastrelid <> 0
              THEN coalesce(pg_relation_size(entry.reltoastrelid), 0) ELSE 0 END,
       seen.vacuumed, seen.analyzed, entry.relrowsecurity, entry.relforcerowsecurity,
       tenant.attname IS NOT NULL,
       pg_has_role(entry.relowner, 'USAGE')
       AND has_schema_privilege(namespace.oid, 'USAGE')
       AND has_schema_privilege(namespace.oid, 'CREATE')
FROM pg_class AS entry
JOIN pg_namespace AS namespace ON namespace.oid = entry.relnamespace
CROSS JOIN LATERAL (
    SELECT greatest(pg_stat_get_last_vacuum_time(entry.oid),
                    pg_stat_get_last_autovacuum_time(entry.oid)) AS vacuumed,
           greatest(pg_stat_get_last_analyze_time(entry.oid),
                    pg_stat_get_last_autoanalyze_time(entry.oid)) AS analyzed,
           pg_stat_get_live_tuples(entry.oid) AS live
) AS seen
LEFT JOIN pg_attribute AS tenant ON tenant.attrelid = entry.oid AND tenant.attname = %(tenant)s
     AND NOT tenant.attisdropped
LEFT JOIN held ON held.relation = entry.oid
WHERE entry.oid = ANY(%(tables)s)
"""
# Of a stranger's build only its process is shown; what it has locked tells the rest.
BUILDS = """
SELECT build.pid, coalesce(build.relid, 0), coalesce(build.index_relid, 0),
       coalesce(build.phase, ''), array_remove(array_agg(lock.relation), NULL)
FROM pg_stat_progress_create_index AS build
LEFT JOIN pg_locks AS lock ON lock.pid = build.pid AND lock.locktype = 'relation'
     AND lock.database = build.datid AND lock.mode <> 'AccessShareLock'
WHERE build.datname = current_database()
GROUP BY 1, 2, 3, 4 ORDER BY 1
"""
WORK = """
SELECT objid::bigint FROM pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %s
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
STATE = """
SELECT entry.indexrelid, index.relname, entry.indisvalid AND entry.indisready AND entry.indislive
FROM pg_index AS entry JOIN pg_class AS index ON index.oid = entry.indexrelid
WHERE entry.indexrelid = ANY(%s)
"""
