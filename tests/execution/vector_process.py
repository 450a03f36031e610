"""A rebuild of one index as a process that a test can kill."""

from __future__ import annotations

import sys
from pathlib import Path

from leitstand.audit.journal import Journal
from leitstand.configuration import load_environment
from leitstand.core.plan import Action
from leitstand.execution.vector_handlers import vector_handlers
from tests.execution.vector_runs import executor

if __name__ == "__main__":
    url, journal, schema, oid = sys.argv[1:]
    action = Action(
        "reindex",
        "vector_reindex",
        "db",
        {"schema": schema, "table": "embeddings", "index": "i", "oid": int(oid)},
    )
    handlers = vector_handlers(lambda: url, lambda: url, "run", load_environment("sandbox").tenancy)
    executor((action,), Journal(Path(journal)), handlers).apply("reindex")
