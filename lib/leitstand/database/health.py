"""The state of a database before something is done to it. Read-only."""

from typing import TYPE_CHECKING

from leitstand.core.database_state import (
    ArchiverState,
    DatabaseHealth,
    InvalidIndex,
    ReplicationSlot,
    VectorExtension,
)
from leitstand.core.recovery_types import TableName
from leitstand.database.errors import translated
from leitstand.database.snapshot import forget_statistics

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["database_health"]

# The setting of this very session is ours; what others get stands in the catalogue.
_SELF = """
SELECT split_part(current_setting('server_version'), ' ', 1),
       pg_database_size(current_database()),
       coalesce((SELECT setting::bool FROM (
           SELECT split_part(entry, '=', 2) AS setting, setrole
           FROM pg_db_role_setting, unnest(setconfig) AS entry
           WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
             AND setrole = 0 AND split_part(entry, '=', 1) = 'default_transaction_read_only'
       ) AS found), false)
"""
_INVALID = """
SELECT index.relname, namespace.nspname, owner.relname, method.amname,
       EXISTS (SELECT FROM pg_stat_progress_create_index AS build
               WHERE build.index_relid = index.oid AND build.datname = current_database())
FROM pg_index AS entry
JOIN pg_class AS index ON index.oid = entry.indexrelid
JOIN pg_class AS owner ON owner.oid = entry.indrelid
JOIN pg_namespace AS namespace ON namespace.oid = owner.relnamespace
JOIN pg_am AS method ON method.oid = index.relam
WHERE NOT (entry.indisvalid AND entry.indisready)
ORDER BY index.relname, index.oid
"""
_ARCHIVER = """
SELECT current_setting('archive_mode') <> 'off', coalesce(last_archived_wal, ''),
       last_archived_time, failed_count, last_failed_time,
       CASE WHEN pg_is_in_recovery() THEN '' ELSE pg_walfile_name(pg_current_wal_lsn()) END
FROM pg_stat_archiver
"""
_SLOTS = """
SELECT slot_name, slot_type, active, coalesce(wal_status, ''),
       CASE WHEN NOT pg_is_in_recovery()
            THEN pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint END
FROM pg_replication_slots WHERE NOT temporary ORDER BY slot_name
"""
_VECTOR = """
SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'vector'), ''),
       coalesce((SELECT default_version FROM pg_available_extensions WHERE name = 'vector'), '')
"""


def database_health(connection: "Connection") -> DatabaseHealth:
    """Return the state of the database that the connection leads to. Read-only.

    Raises:
        DatabaseRefused: it cannot be read.
    """
    with translated("Zustand der Datenbank lesen"):
        forget_statistics(connection)
        version, size, read_only = connection.execute(_SELF).fetchall()[0]
        invalid = tuple(
            InvalidIndex(name, TableName(schema, table), method, building)
            for name, schema, table, method, building in connection.execute(_INVALID)
        )
        archiver = ArchiverState(*connection.execute(_ARCHIVER).fetchall()[0])
        slots = tuple(ReplicationSlot(*row) for row in connection.execute(_SLOTS))
        vector = VectorExtension(*connection.execute(_VECTOR).fetchall()[0])
    return DatabaseHealth(version, size, read_only, invalid, archiver, slots, vector)
