"""What an instance and its settings may be, what they are by default, and what a clone inherits."""

from __future__ import annotations

import re
from typing import Any

from google.cloud import sqladmin_v1 as sql
from google.protobuf import wrappers_pb2

from leitstand.sandbox.sql.connectivity import check_connectivity
from leitstand.sandbox.sql.errors import invalid_request
from leitstand.sandbox.store import raw

__all__ = [
    "VERSION",
    "archives",
    "check_name",
    "check_settings",
    "cloned_settings",
    "complete_settings",
    "flags_of",
    "merge",
    "no_backups",
    "retained_backups",
]

VERSION = sql.SqlDatabaseVersion.POSTGRES_16
NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
# https://cloud.google.com/sql/docs/postgres/instance-settings: PROJECT:INSTANCE
LONGEST_NAME = 98
SMALLEST_DISK_GB = 10
UNENCRYPTED = sql.IpConfiguration.SslMode(1)  # ALLOW_UNENCRYPTED_AND_ENCRYPTED
WINDOW_START = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
DEFAULTS = {
    "activation_policy": sql.Settings.SqlActivationPolicy.ALWAYS,
    "availability_type": sql.SqlAvailabilityType.ZONAL,
    "edition": sql.Settings.Edition.ENTERPRISE,
    "pricing_plan": sql.SqlPricingPlan.PER_USE,
    "data_disk_type": sql.SqlDataDiskType.PD_SSD,
}
# What a clone has of its own: https://cloud.google.com/sql/docs/postgres/clone-instance
NOT_CLONED = (
    "backup_configuration",
    "maintenance_window",
    "deny_maintenance_periods",
    "deletion_protection_enabled",
    "insights_config",
    "settings_version",
)


def check_name(project: str, name: str) -> None:
    """Refuse what cannot be the name of an instance.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    if not NAME.fullmatch(name):
        raise invalid_request(f"Invalid instance name ({name}).")
    if len(f"{project}:{name}") > LONGEST_NAME:
        raise invalid_request(f"Instance name ({name}) is too long.")


def check_settings(settings: sql.Settings, before: sql.Settings | None = None) -> None:
    """Refuse settings that Cloud SQL refuses.

    Args:
        settings: As they shall be, complete.
        before: As they are; None for a new instance.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    if not settings.tier:
        raise invalid_request("Missing parameter: settings.tier.")
    backup = settings.backup_configuration
    enabled, archiving = bool(backup.enabled), bool(backup.point_in_time_recovery_enabled)
    if archiving and not enabled:
        raise invalid_request("Point-in-time recovery needs automated backups to be enabled.")
    if backup.start_time and not WINDOW_START.fullmatch(backup.start_time):
        raise invalid_request(f"Backup start time {backup.start_time} is not HH:MM.")
    plus = settings.edition == sql.Settings.Edition.ENTERPRISE_PLUS
    longest = 35 if plus else 7
    days = backup.transaction_log_retention_days
    if days is not None and not 1 <= days <= longest:
        raise invalid_request(f"transactionLogRetentionDays must be from 1 to {longest}.")
    kept = backup.backup_retention_settings.retained_backups
    if kept is not None and not 1 <= kept <= 365:
        raise invalid_request("retainedBackups must be from 1 to 365.")
    window = settings.maintenance_window
    if window.day is not None and not 0 <= window.day <= 7:
        raise invalid_request("maintenanceWindow.day must be from 1 to 7.")
    if window.hour is not None and not 0 <= window.hour <= 23:
        raise invalid_request("maintenanceWindow.hour must be from 0 to 23.")
    names = [flag.name for flag in settings.database_flags]
    if len(names) != len(set(names)):
        raise invalid_request("A database flag is given twice.")
    if settings.availability_type == sql.SqlAvailabilityType.REGIONAL and not archiving:
        # https://cloud.google.com/sql/docs/postgres/high-availability
        raise invalid_request(
            "High availability needs automated backups and point-in-time recovery to be enabled."
        )
    _check_disk(settings, before)
    _check_insights(settings.insights_config)
    check_connectivity(
        settings.ip_configuration, None if before is None else before.ip_configuration
    )


def complete_settings(settings: sql.Settings) -> None:
    """Fill in what Google fills in."""
    settings.kind = "sql#settings"
    for field, value in DEFAULTS.items():
        if not getattr(settings, field):
            setattr(settings, field, value)
    if settings.data_disk_size_gb is None:
        settings.data_disk_size_gb = 10
    if settings.storage_auto_resize is None:
        settings.storage_auto_resize = True
    addresses = settings.ip_configuration
    if not addresses.ssl_mode and addresses.require_ssl is None:
        addresses.ssl_mode = UNENCRYPTED
    backup = settings.backup_configuration
    defaults = {**_backup_defaults(), **_set_fields(backup)}
    settings.backup_configuration = sql.BackupConfiguration(defaults)


def no_backups() -> sql.BackupConfiguration:
    """The backup configuration of an instance that nobody has configured yet."""
    return sql.BackupConfiguration(_backup_defaults())


def cloned_settings(source: sql.Settings) -> sql.Settings:
    """What a clone has of its source's settings: all but backups, maintenance and protection."""
    copy = sql.Settings(source)
    for field in NOT_CLONED:
        if field in raw(copy).DESCRIPTOR.fields_by_name:
            raw(copy).ClearField(field)
    complete_settings(copy)
    return copy


def archives(settings: sql.Settings) -> bool:
    """Whether the write-ahead log is kept for point-in-time recovery."""
    return bool(settings.backup_configuration.point_in_time_recovery_enabled)


def retained_backups(settings: sql.Settings) -> int:
    """How many automated backups are kept."""
    return int(settings.backup_configuration.backup_retention_settings.retained_backups or 7)


def flags_of(settings: sql.Settings) -> dict[str, str]:
    """The database flags by name."""
    return {flag.name: flag.value for flag in settings.database_flags}


def merge(into: Any, change: Any) -> None:
    """Change what is set in `change`, as PATCH does: lists are replaced, labels are merged.

    Args:
        into: A protobuf message, changed in place.
        change: One of the same type.
    """
    for field, value in change.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(into, field.name).update(value)
        elif field.is_repeated:
            into.ClearField(field.name)
            getattr(into, field.name).extend(value)
        elif field.message_type is not None:
            if field.message_type.file.name == wrappers_pb2.DESCRIPTOR.name:
                getattr(into, field.name).CopyFrom(value)
            else:
                merge(getattr(into, field.name), value)
        else:
            setattr(into, field.name, value)


def _check_disk(settings: sql.Settings, before: sql.Settings | None) -> None:
    size = settings.data_disk_size_gb
    if size is not None and size < SMALLEST_DISK_GB:
        raise invalid_request(f"The disk size must be at least {SMALLEST_DISK_GB} GB.")
    current = before.data_disk_size_gb if before is not None else None
    if size is not None and current is not None and size < current:
        raise invalid_request(
            f"The disk size cannot decrease. Current size: {current} GB, requested: {size} GB."
        )


def _check_insights(insights: sql.InsightsConfig) -> None:
    """Limits of Query Insights on Enterprise instances: the API's reference of InsightsConfig."""
    length, plans = insights.query_string_length, insights.query_plans_per_minute
    if length is not None and not 256 <= length <= 4500:
        raise invalid_request("insightsConfig.queryStringLength must be from 256 to 4500.")
    if plans is not None and not 0 <= plans <= 20:
        raise invalid_request("insightsConfig.queryPlansPerMinute must be from 0 to 20.")


def _backup_defaults() -> dict[str, Any]:
    return {
        "kind": "sql#backupConfiguration",
        "enabled": False,
        "start_time": "02:00",
        "point_in_time_recovery_enabled": False,
        "transaction_log_retention_days": 7,
        "backup_retention_settings": {"retention_unit": 1, "retained_backups": 7},
    }


def _set_fields(backup: sql.BackupConfiguration) -> dict[str, Any]:
    return {field.name: getattr(backup, field.name) for field, _ in raw(backup).ListFields()}
