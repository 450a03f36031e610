"""Backup runs: taken, listed, kept within limits, restored."""

import pytest
from google.api_core import exceptions
from google.cloud import sqladmin_v1

from tests.fixtures.cloud_sql import SETTINGS

State = sqladmin_v1.DatabaseInstance.SqlInstanceState
BACKUPS = {"enabled": True, "point_in_time_recovery_enabled": True}


def backed_up(cloud, description="", instance="main"):
    body = {"description": description}
    operation = cloud.done(cloud.backups.insert(request=cloud.on(instance, body=body)))
    return operation.backup_context.backup_id


def runs(cloud, instance="main"):
    return cloud.backups.list(request=cloud.on(instance)).items


@pytest.fixture(scope="module", autouse=True)
def at_first(cloud):
    """What there was before any of these tests."""
    return runs(cloud)


def test_the_first_backup_is_taken_with_the_instance(at_first):
    (first,) = at_first
    assert (first.type_.name, first.status.name) == ("AUTOMATED", "SUCCESSFUL")


def test_a_backup_on_demand_is_found_again_and_deleted(cloud):
    number = backed_up(cloud, "before the migration")
    run = cloud.backups.get(request=cloud.on(id=number))
    assert (run.type_.name, run.status.name) == ("ON_DEMAND", "SUCCESSFUL")
    assert run.description == "before the migration"
    assert run.end_time >= run.start_time
    assert [number] == [found.id for found in runs(cloud)][:1]
    cloud.done(cloud.backups.delete(request=cloud.on(id=number)))
    with pytest.raises(exceptions.NotFound):
        cloud.backups.get(request=cloud.on(id=number))


def test_the_window_begins_later_when_the_oldest_backup_is_deleted(cloud):
    before = cloud.window().earliest_recovery_time
    oldest = runs(cloud)[-1].id
    backed_up(cloud)
    cloud.done(cloud.backups.delete(request=cloud.on(id=oldest)))
    assert cloud.window().earliest_recovery_time > before
    cloud.delete(cloud.cloned())


def test_log_from_before_the_oldest_backup_is_deleted(cloud):
    def oldest_segment():
        return min(p.name for p in (cloud.files() / "archive").iterdir() if len(p.name) == 24)

    cloud.ask("CREATE TABLE filler AS SELECT repeat('x', 2000) FROM generate_series(1, 3000)")
    before = oldest_segment()
    first = runs(cloud)[-1].id
    backed_up(cloud)
    cloud.done(cloud.backups.delete(request=cloud.on(id=first)))
    cloud.delete(cloud.cloned())
    assert oldest_segment() > before


def test_a_restore_overwrites_the_data_and_resets_the_backups(cloud):
    name = cloud.cloned()
    cloud.done(cloud.patch({"backup_configuration": BACKUPS}, name))
    cloud.ask("CREATE TABLE kept AS SELECT 1 AS n", name)
    number = backed_up(cloud, instance=name)
    cloud.ask("INSERT INTO kept VALUES (2)", name)
    request = cloud.on(name, body={"restore_backup_context": {"backup_run_id": number}})
    operation = cloud.instances.restore_backup(request=request)
    assert operation.operation_type.name == "RESTORE_VOLUME"
    cloud.done(operation)
    assert cloud.ask("SELECT n FROM kept", name) == [(1,)]
    settings = cloud.get(name).settings
    assert not settings.backup_configuration.enabled
    with pytest.raises(exceptions.FailedPrecondition, match="not enabled"):
        cloud.window(name)
    assert not (cloud.files(name) / "archive").exists()
    cloud.done(cloud.patch({"backup_configuration": BACKUPS}, name))
    assert cloud.window(name).earliest_recovery_time > operation.insert_time
    cloud.ask("INSERT INTO kept VALUES (3)", name)
    clone = cloud.cloned(source=name)
    assert cloud.ask("SELECT n FROM kept ORDER BY n", clone) == [(1,), (3,)]
    for made in (clone, name):
        cloud.delete(made)


def test_another_instances_backup_can_be_restored(cloud):
    cloud.ask("CREATE TABLE origin AS SELECT 'main' AS name")
    number = backed_up(cloud)
    cloud.done(cloud.insert("spare"))
    context = {"backup_run_id": number, "instance_id": "main"}
    request = cloud.on("spare", body={"restore_backup_context": context})
    cloud.done(cloud.instances.restore_backup(request=request))
    assert cloud.ask("SELECT name FROM origin", "spare") == [("main",)]
    cloud.delete("spare")


def test_a_missing_backup_is_refused(cloud):
    request = cloud.on(body={"restore_backup_context": {"backup_run_id": 1}})
    with pytest.raises(exceptions.NotFound):
        cloud.instances.restore_backup(request=request)
    with pytest.raises(exceptions.InvalidArgument, match="backupRunId"):
        cloud.instances.restore_backup(request=cloud.on(body={}))


def test_automated_backups_beyond_the_limit_are_dropped(cloud):
    assert SETTINGS["backupConfiguration"]["enabled"]
    kept = {**BACKUPS, "backup_retention_settings": {"retained_backups": 1}}
    cloud.done(cloud.insert("few", {"tier": "t", "backup_configuration": kept}))
    (first,) = runs(cloud, "few")
    off = {"backup_configuration": {"point_in_time_recovery_enabled": False}}
    cloud.done(cloud.patch(off, "few"))
    cloud.done(cloud.patch({"backup_configuration": kept}, "few"))
    (second,) = runs(cloud, "few")
    assert second.id > first.id
    cloud.delete("few")
