"""Lists the plugins that hold the fixtures; no fixtures here."""

pytest_plugins = [
    "tests.fixtures.cloud_sql",
    "tests.fixtures.command",
    "tests.fixtures.home",
    "tests.fixtures.postgres",
    "tests.fixtures.world",
    "tests.fixtures.migrating",
    "tests.fixtures.order",
    "tests.fixtures.site",
]
