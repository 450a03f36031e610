"""DATABASE_URL as Django wants it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["BadDatabaseUrl", "database"]

_SCHEMES = ("postgres", "postgresql")


class BadDatabaseUrl(ValueError):
    """DATABASE_URL is not `postgresql://user:password@host:port/database`; never quotes it."""

    def __init__(self) -> None:
        super().__init__("DATABASE_URL ist keine Adresse einer PostgreSQL-Datenbank.")


def database(url: str, application: str) -> dict[str, Any]:
    """The entry for `DATABASES`; parameters of the query go to libpq.

    Raises:
        BadDatabaseUrl: The URL has another form.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or ""
    except ValueError as error:
        raise BadDatabaseUrl from error
    name = unquote(parts.path.removeprefix("/"))
    options = dict(parse_qsl(parts.query))
    if parts.scheme not in _SCHEMES or not name or not (host or "host" in options):
        raise BadDatabaseUrl
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", host),
        "PORT": str(port),
        "CONN_MAX_AGE": 60,
        # After a cut-over the old connections are gone; the next request opens a new one.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": "3", "application_name": application, **options},
    }
