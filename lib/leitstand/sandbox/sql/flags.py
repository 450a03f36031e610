"""Google's database flags: which can be set, and whether PostgreSQL takes their values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from leitstand.sandbox.sql.binaries import ProgramFailed, program, run

__all__ = ["effective", "flag_error"]

FLAG_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
# What Google manages itself and does not offer as a flag; so does the sandbox.
MANAGED = re.compile(
    r"archive_|recovery_|restore_|ssl|unix_|data_|hba_|ident_|external_|config_|include|primary_"
    r"|listen_addresses$|port$|fsync$|full_page_writes$|wal_level$|wal_recycle$|hot_standby$"
    r"|log_(directory|filename|destination)|logging_|allow_|shared_|dynamic_|event_|promote_"
)
# Flags of the platform and of extensions that the sandbox does not have: kept and shown only.
KEPT_ONLY = ("cloudsql.", "pgaudit.", "pg_stat_statements.", "auto_explain.", "cron.")
# An option without its value: where PostgreSQL complains about it, all before it were right.
LAST = "--last"


def effective(flags: Mapping[str, str]) -> dict[str, str]:
    """The flags that PostgreSQL itself knows."""
    return {name: text for name, text in flags.items() if not name.startswith(KEPT_ONLY)}


async def flag_error(flags: Mapping[str, str]) -> str:
    """What is wrong with these flags, or ""; asks PostgreSQL's program, no cluster."""
    for name in flags:
        if not FLAG_NAME.fullmatch(name) or MANAGED.match(name):
            return f"Flag requested cannot be set: {name}."
    options = [part for name, text in effective(flags).items() for part in ("-c", f"{name}={text}")]
    if not options:
        return ""
    try:
        await run(program("postgres"), *options, LAST)
    except ProgramFailed as error:
        message = error.output.splitlines()[0].partition("FATAL:")[2].strip() or error.output
        return "" if message.startswith(f"{LAST} ") else f"Invalid flag value: {message}."
    return ""
