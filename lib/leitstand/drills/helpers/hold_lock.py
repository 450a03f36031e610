"""A session that has locked a table and forgot to end its transaction."""

import select
from typing import Any

from leitstand.drills.processes import instructions, owner_lives, say_ready

__all__ = ["main"]

_PAUSE = 0.25


def main() -> None:
    """Lock, tell so, and hold it until the sandbox or the session is ended."""
    import psycopg
    from psycopg import sql

    given: dict[str, Any] = instructions()
    with psycopg.connect(given["url"], application_name=given["application"]) as connection:
        connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(given["role"])))
        table = sql.Identifier(*str(given["table"]).split("."))
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        say_ready()
        while owner_lives():
            # The server says something of its own accord only when it ends the session.
            if select.select([connection.fileno()], [], [], _PAUSE)[0]:
                break


if __name__ == "__main__":
    main()
