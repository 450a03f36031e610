"""Google's database flags: which can be set, and whether PostgreSQL takes their values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leitstand.sandbox.sql.binaries import ProgramFailed, program, run
from leitstand.sandbox.sql.errors import flag_name, flag_value

__all__ = ["check_flags", "effective"]

FLAG_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
# What Google manages itself and does not offer as a flag; so does the sandbox.
MANAGED = re.compile(
    r"archive_|recovery_|restore_|ssl|unix_|data_|hba_|ident_|external_|config_|include|primary_"
    r"|listen_addresses$|port$|fsync$|full_page_writes$|wal_level$|wal_recycle$|hot_standby$"
    r"|log_(directory|filename|destination)|logging_|allow_|shared_|dynamic_|event_|promote_"
)
# Flags of the platform and of extensions that the sandbox does not have: kept and shown only.
KEPT_ONLY = (
    "cloudsql.", "pgaudit.", "pg_stat_statements.", "auto_explain.", "cron.", "pg_hint_plan.",
    "pg_bigm.", "pglogical.", "pg_wait_sampling.", "anon.",
)  # fmt: skip
SWITCH = re.compile(r"cloudsql\.(enable_\w+|iam_authentication|logical_decoding)")
# PostgreSQL takes any name with a dot for a setting of an extension that may come.
OF_PGVECTOR = ("hnsw.", "ivfflat.")
# An option without its value: where PostgreSQL complains about it, all before it were right.
LAST = "--last"
UNKNOWN = "unrecognized configuration parameter"


def effective(flags: Mapping[str, str]) -> dict[str, str]:
    """The flags that PostgreSQL itself knows."""
    return {name: text for name, text in flags.items() if not name.startswith(KEPT_ONLY)}


async def check_flags(flags: Mapping[str, str]) -> None:
    """Refuse flags that Cloud SQL refuses; asks PostgreSQL's program, no cluster.

    Raises:
        ApiError: INVALID_ARGUMENT, invalidFlagName or invalidFlagValue.
    """
    for name, text in flags.items():
        dotted = "." in name and not name.startswith((*KEPT_ONLY, *OF_PGVECTOR))
        if not FLAG_NAME.fullmatch(name) or MANAGED.match(name) or dotted:
            raise flag_name(name)
        if SWITCH.fullmatch(name) and text not in ("on", "off"):
            raise flag_value(f"Failed to set {name}: {text} was not on or off.")
    options = [part for name, text in effective(flags).items() for part in ("-c", f"{name}={text}")]
    if not options:
        return
    try:
        await run(program("postgres"), *options, LAST)
    except ProgramFailed as error:
        message = error.output.splitlines()[0].partition("FATAL:")[2].strip() or error.output
        if message.startswith(f"{LAST} "):
            return
        if message.startswith(UNKNOWN):
            raise flag_name(message.removeprefix(UNKNOWN).strip(' "')) from error
        raise flag_value(f"Failed to set it: {message}.") from error
