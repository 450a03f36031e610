"""Lists the plugins that hold the fixtures; no fixtures here."""

pytest_plugins = ["tests.fixtures.command", "tests.fixtures.world"]
