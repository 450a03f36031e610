"""Django settings of the sample application, from environment variables only."""

from __future__ import annotations

import os
import secrets

from leitstand.sandbox.images.app.database_url import BadDatabaseUrl, database

DEBUG = False
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or secrets.token_urlsafe(32)
# The front door and the probes reach the process under changing loopback addresses.
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "leitstand.sandbox.images.app.urls"
WSGI_APPLICATION = "leitstand.sandbox.images.app.wsgi.application"
MIDDLEWARE = [
    "leitstand.sandbox.images.app.behaviour.BehaviourMiddleware",
    "django.middleware.common.CommonMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [os.path.join(os.path.dirname(__file__), "templates")],
    }
]
LANGUAGE_CODE = "de"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
# The application writes its own JSON lines; Django's logging set-up would only cost start time.
LOGGING_CONFIG = None

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_URL = os.environ.get("DATABASE_URL", "")
DATABASE_PROBLEM = ""
DATABASES = {}
if DATABASE_URL:
    try:
        DATABASES = {"default": database(DATABASE_URL, os.environ.get("K_REVISION") or "web")}
    except BadDatabaseUrl as error:
        DATABASE_PROBLEM = str(error)
# Django fills in a dummy where there is none.
HAS_DATABASE = bool(DATABASES)
_PACKAGE = "leitstand.sandbox.images.app"
INSTALLED_APPS = [f"{_PACKAGE}.documents", f"{_PACKAGE}.vectors"] if HAS_DATABASE else []

# What this version of the code knows and understands (images/catalogue.yaml).
SCHEMA_NEWEST = int(os.environ.get("APP_SCHEMA_NEWEST", "6"))
SCHEMA_MIN = int(os.environ.get("APP_SCHEMA_MIN", "4"))
SCHEMA_MAX = int(os.environ.get("APP_SCHEMA_MAX", "6"))
VECTORS_NEWEST = int(os.environ.get("APP_VECTORS_NEWEST", "4"))
VECTOR_DIMENSIONS = int(os.environ.get("APP_VECTOR_DIMENSIONS", "384"))
# How tenants are kept apart: each in schemas of its own, or by row-level security.
SCHEMA_PER_TENANT = os.environ.get("APP_TENANCY", "row_level_security") == "schema_per_tenant"
# What a search sets for its transaction.
SEARCH_OPTIONS = {
    name: os.environ[variable]
    for name, variable in {
        "ivfflat.probes": "APP_IVFFLAT_PROBES",
        "ivfflat.iterative_scan": "APP_IVFFLAT_ITERATIVE_SCAN",
        "hnsw.ef_search": "APP_HNSW_EF_SEARCH",
        "hnsw.iterative_scan": "APP_HNSW_ITERATIVE_SCAN",
    }.items()
    if os.environ.get(variable)
}
LONG_LOCK_SECONDS = float(os.environ.get("APP_LONG_LOCK_SECONDS", "4"))

VERSION = os.environ.get("APP_VERSION", "unbekannt")
SERVICE = os.environ.get("K_SERVICE", "")
REVISION = os.environ.get("K_REVISION", "")
INSTANCE = os.environ.get("SANDBOX_INSTANCE", "")
# Names of variables without which the application is not configured completely.
REQUIRED = tuple(
    name for name in os.environ.get("APP_REQUIRED_SETTINGS", "").replace(",", " ").split() if name
)
ERROR_EVERY = int(os.environ.get("APP_ERROR_EVERY", "0"))
DELAY_EVERY = int(os.environ.get("APP_DELAY_EVERY", "0"))
DELAY_MS = float(os.environ.get("APP_DELAY_MS", "0"))
# With any value every page is the one that explains the maintenance.
MAINTENANCE = bool(os.environ.get("APP_MAINTENANCE"))
SMOKE_FAILS = os.environ.get("APP_SMOKE_FAILS") == "1"
