"""Which migrations Django has recorded as applied."""

from typing import TYPE_CHECKING

from leitstand.core.recovery_types import AppliedMigration
from leitstand.database.errors import translated

if TYPE_CHECKING:
    from leitstand.database.connection import Connection

__all__ = ["applied_migrations", "latest_migrations"]

_KNOWN = "SELECT to_regclass('django_migrations') IS NOT NULL"
_APPLIED = "SELECT app, name, applied FROM django_migrations ORDER BY id"


def applied_migrations(connection: "Connection") -> tuple[AppliedMigration, ...]:
    """Return the applied migrations in the order in which they were applied. Read-only.

    Empty where Django has never migrated.

    Raises:
        DatabaseRefused: the table cannot be read.
    """
    with translated("Angewandte Migrationen lesen"):
        known = connection.execute(_KNOWN).fetchone()
        if known is None or not known[0]:
            return ()
        return tuple(AppliedMigration(*row) for row in connection.execute(_APPLIED))


def latest_migrations(connection: "Connection") -> tuple[AppliedMigration, ...]:
    """Return for each app the migration that was applied last, by app. Read-only.

    Raises:
        DatabaseRefused: the table cannot be read.
    """
    latest = {migration.app: migration for migration in applied_migrations(connection)}
    return tuple(latest[app] for app in sorted(latest))
