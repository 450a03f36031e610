"""The database of keys and spend, as far as readiness asks for it."""

from __future__ import annotations

__all__ = ["database_state"]


def database_state(url: str) -> str:
    """LiteLLM's words: `Not connected` without a database, else `connected` or `disconnected`.

    Read-only, on a connection of its own; waits a second at most.
    """
    if not url:
        return "Not connected"
    # Heavy, and needed with a database only.
    import psycopg

    try:
        with psycopg.connect(url, connect_timeout=1) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return "disconnected"
    return "connected"
