"""Rules of Cloud SQL: where each alone goes red, for ``test_rules``, and where none does."""

from leitstand.core.hardening import Estate
from tests.core.hardening.estate import (
    changed,
    listed,
    red,
    secret,
    unlisted,
    with_variable,
    without,
)

RED: list[tuple[str, Estate]] = [
    (
        "cloud-sql-private-only",
        changed("sql.instances/main", "settings.ipConfiguration.ipv4Enabled", True),
    ),
    (
        "cloud-sql-private-only",
        changed(
            "sql.instances/main",
            "settings.ipConfiguration.authorizedNetworks",
            [{"value": "198.51.100.0/24"}],
        ),
    ),
    ("cloud-sql-private-only", unlisted("sql.instances")),
    (
        "cloud-sql-in-own-vpc",
        changed(
            "sql.instances/main",
            "settings.ipConfiguration.pscConfig.allowedConsumerProjects",
            ["another-project"],
        ),
    ),
    ("private-path-in-place", without("compute.forwardingRules/sql-endpoint")),
    (
        "private-path-in-place",
        changed("compute.forwardingRules/sql-endpoint", "pscConnectionStatus", "REJECTED"),
    ),
    (
        "private-path-in-place",
        without("servicenetworking.connections/servicenetworking-googleapis-com"),
    ),
    (
        "point-in-time-recovery-on",
        changed(
            "sql.instances/main", "settings.backupConfiguration.pointInTimeRecoveryEnabled", False
        ),
    ),
    (
        "transaction-logs-seven-days",
        changed(
            "sql.instances/main", "settings.backupConfiguration.transactionLogRetentionDays", 6
        ),
    ),
    (
        "daily-backups-on",
        changed("sql.instances/main", "settings.backupConfiguration.enabled", False),
    ),
    (
        "backups-outlive-logs",
        changed(
            "sql.instances/main",
            "settings.backupConfiguration.backupRetentionSettings.retainedBackups",
            7,
        ),
    ),
    ("maintenance-window-set", changed("sql.instances/main", "settings.maintenanceWindow", {})),
    (
        "deletion-protection-on",
        changed("sql.instances/main", "settings.deletionProtectionEnabled", False),
    ),
    ("separate-databases", without("sql.databases/main/litellm")),
    (
        "separate-databases",
        with_variable("run.services/litellm", secret("DATABASE_URL", "database-url")),
    ),
    (
        "vector-search-settings",
        changed("sql.instances/main", "settings.databaseFlags.0.value", "40"),
    ),
]


def test_an_instance_in_another_network_breaks_its_private_path_as_well() -> None:
    estate = changed(
        "sql.instances/main", "settings.ipConfiguration.privateNetwork",
        "projects/leitstand-prod/global/networks/default",
    )  # fmt: skip
    assert {"cloud-sql-in-own-vpc", "private-path-in-place"} == red(estate)


def test_an_instance_that_nobody_wants_is_looked_at_too() -> None:
    forgotten = {"name": "forgotten", "settings": {"ipConfiguration": {"ipv4Enabled": True}}}
    found = red(listed("sql.instances", forgotten))
    assert {"cloud-sql-private-only", "cloud-sql-in-own-vpc", "daily-backups-on"} <= found


def test_a_window_at_midnight_counts_although_rest_leaves_the_hour_out() -> None:
    assert set() == red(changed("sql.instances/main", "settings.maintenanceWindow", {"day": 1}))


def test_days_may_come_as_text() -> None:
    path = "settings.backupConfiguration.transactionLogRetentionDays"
    assert set() == red(changed("sql.instances/main", path, "7"))
