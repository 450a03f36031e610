"""Does a clone hold what the application needs? Checked before the application moves to it."""

from collections.abc import Sequence
from datetime import datetime

from leitstand.core.recovery_types import Inventory
from leitstand.core.release_checks import Check
from leitstand.core.schema import SchemaRange, schema_version

__all__ = ["check_clone"]


def check_clone(
    clone: Inventory,
    source: Inventory,
    *,
    target: datetime,
    schema_app: str,
    code: SchemaRange | None,
    roles: Sequence[str],
) -> tuple[Check, ...]:
    """Return every check of a clone against the instance it was made from.

    Args:
        clone: The clone.
        source: The damaged instance, now.
        target: The time that was recovered, UTC.
        schema_app: Django app whose migrations number the schema versions.
        code: Schema versions that the code understands which will work on the clone.
        roles: Database roles of the application.
    """
    version = _version(clone, schema_app)
    same_schema = clone.migrations == source.migrations
    newest = max((t.newest_created for t in clone.tables if t.newest_created), default=None)
    late = [m.name for m in clone.migrations if m.applied_at > target]
    invalid = [index.name for index in clone.indexes if not index.valid]
    protected = {t.name for t in clone.tables if t.row_security}
    unprotected = sorted(
        str(t.name)
        for t in source.tables
        if t.row_security and t.name in {c.name for c in clone.tables} and t.name not in protected
    )
    logins = {role.name for role in clone.roles if role.login}
    rows = sum(table.rows for table in clone.tables)
    return (
        Check("clone_has_rows", rows > 0 or not any(t.rows for t in source.tables), {
            "rows": rows, "tables": len(clone.tables),
        }),
        Check("clone_ends_at_target", (newest is None or newest <= target) and not late, {
            "newest": newest.isoformat() if newest else "", "target": target.isoformat(),
            "late": late,
        }),
        Check("clone_schema_understood", code is not None and code.understands(version), {
            "live": version,
            "minimum": code.minimum if code else None, "maximum": code.maximum if code else None,
        }),
        Check("clone_extensions_same", clone.extensions == source.extensions, {
            "clone": dict(clone.extensions), "source": dict(source.extensions),
        }),
        Check("clone_indexes_valid", not invalid, {"invalid": invalid}),
        Check("clone_row_security_same", not unprotected or not same_schema, {
            "unprotected": unprotected, "same_schema": same_schema,
        }),
        Check("clone_roles_can_login", set(roles) <= logins, {
            "missing": sorted(set(roles) - logins),
        }),
    )  # fmt: skip


def _version(inventory: Inventory, app: str) -> int:
    return schema_version(m.name for m in inventory.migrations if m.app == app)
