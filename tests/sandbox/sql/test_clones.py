"""Clones: what they hold, what they inherit, and which times are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud import sqladmin_v1

from tests.fixtures.cloud_sql import OperationFailed

State = sqladmin_v1.DatabaseInstance.SqlInstanceState


@pytest.fixture(scope="module", autouse=True)
def _table(cloud):
    cloud.ask("CREATE TABLE steps (name text)")


@pytest.fixture
def step(cloud):
    """Adds a row and gives the database's clock after it."""

    def add(name):
        cloud.ask(f"INSERT INTO steps VALUES ('{name}')")
        return cloud.now()

    cloud.ask("TRUNCATE steps")
    return add


def steps(cloud, instance="main"):
    return [row[0] for row in cloud.ask("SELECT name FROM steps", instance)]


def test_a_clone_to_a_time_holds_what_was_committed_before_it(cloud, step):
    step("before")
    at = step("just before")
    step("after")
    clone = cloud.cloned(at)
    assert steps(cloud, clone) == ["before", "just before"]
    assert steps(cloud) == ["before", "just before", "after"]
    cloud.ask("INSERT INTO steps VALUES ('in the clone')", clone)
    assert "in the clone" not in steps(cloud)
    cloud.delete(clone)


def test_a_clone_without_a_time_holds_everything_until_now(cloud, step):
    step("newest")
    clone = cloud.cloned()
    assert steps(cloud, clone) == ["newest"]
    cloud.delete(clone)


def test_the_latest_time_of_the_window_holds_the_newest_commit(cloud, step):
    step("newest")
    clone = cloud.cloned(cloud.window().latest_recovery_time)
    assert steps(cloud, clone) == ["newest"]
    cloud.delete(clone)


def test_earlier_clones_do_not_move_the_next_one_to_their_timeline(cloud, step):
    at = step("one")
    first = cloud.cloned(at)
    cloud.ask("INSERT INTO steps VALUES ('elsewhere')", first)
    later = step("two")
    second = cloud.cloned(later)
    assert steps(cloud, second) == ["one", "two"]
    cloud.delete(first)
    cloud.delete(second)


def test_a_clone_of_a_stopped_instance_holds_its_last_state(cloud, step):
    step("last")
    cloud.done(cloud.patch({"activation_policy": "NEVER"}))
    latest = cloud.window().latest_recovery_time
    clones = [cloud.cloned(latest), cloud.cloned()]
    cloud.done(cloud.patch({"activation_policy": "ALWAYS"}))
    for clone in clones:
        assert steps(cloud, clone) == ["last"]
        cloud.delete(clone)


def test_a_time_with_another_zone_is_the_same_instant(cloud, step):
    at = step("before")
    step("after")
    cloud.ask("ALTER DATABASE app SET timezone = 'Pacific/Kiritimati'")
    clone = cloud.cloned(at.astimezone(UTC))
    assert steps(cloud, clone) == ["before"]
    cloud.delete(clone)


def test_a_clone_inherits_flags_connectivity_and_tier_but_not_backups_and_protection(cloud):
    cloud.done(
        cloud.patch(
            {
                "database_flags": [{"name": "work_mem", "value": "5MB"}],
                "ip_configuration": {"private_network": "projects/p/global/networks/vpc"},
                "maintenance_window": {"day": 7, "hour": 3},
                "insights_config": {"query_insights_enabled": True},
                "deletion_protection_enabled": True,
            }
        )
    )
    source, clone = cloud.get().settings, cloud.get(cloud.cloned())
    found = clone.settings
    assert (source.tier, source.data_disk_size_gb) == (found.tier, found.data_disk_size_gb)
    assert found.ip_configuration.private_network == "projects/p/global/networks/vpc"
    assert cloud.ask("SHOW work_mem", clone.name) == [("5MB",)]
    assert not found.backup_configuration.enabled
    assert not found.backup_configuration.point_in_time_recovery_enabled
    assert not found.deletion_protection_enabled
    assert not found.insights_config.query_insights_enabled
    assert found.maintenance_window.day is None
    assert not cloud.backups.list(request=cloud.on(clone.name)).items
    assert cloud.port() != cloud.port(clone.name)
    assert cloud.ask("SHOW archive_mode", clone.name) == [("off",)]
    cloud.delete(clone.name)


def test_backups_can_be_put_back_on_a_clone_which_can_then_be_cloned(cloud, step):
    step("one")
    clone = cloud.cloned()
    backups = {"enabled": True, "point_in_time_recovery_enabled": True}
    cloud.done(cloud.patch({"backup_configuration": backups}, clone))
    cloud.ask("INSERT INTO steps VALUES ('two')", clone)
    second = cloud.cloned(cloud.window(clone).latest_recovery_time, source=clone)
    assert steps(cloud, second) == ["one", "two"]
    cloud.delete(second)
    cloud.delete(clone)


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (timedelta(hours=-1), "before the earliest recovery time"),
        (timedelta(hours=1), "after the latest recovery time"),
    ],
)
def test_a_time_outside_the_window_is_refused(cloud, offset, message):
    with pytest.raises(exceptions.InvalidArgument, match=message):
        cloud.clone("never", datetime.now(UTC) + offset)
    with pytest.raises(exceptions.NotFound):
        cloud.get("never")


def test_the_earliest_time_is_the_end_of_the_oldest_backup(cloud):
    earliest = cloud.window().earliest_recovery_time
    cloud.delete(cloud.cloned(earliest))
    with pytest.raises(exceptions.InvalidArgument, match="before the earliest"):
        cloud.clone("never", earliest - timedelta(milliseconds=1))


def test_a_taken_or_wrong_name_is_refused(cloud):
    with pytest.raises(exceptions.AlreadyExists):
        cloud.clone("main")
    with pytest.raises(exceptions.InvalidArgument, match="Invalid instance name"):
        cloud.clone("Not_A_Name")


def test_of_two_clones_at_once_the_second_is_told_that_one_is_under_way(cloud):
    first = cloud.clone()
    with pytest.raises(exceptions.Aborted, match="already in progress"):
        cloud.clone()
    cloud.done(first)
    cloud.delete(first.target_id)


def test_without_point_in_time_recovery_there_is_only_a_copy_of_now(cloud):
    cloud.done(cloud.insert("plain", root_password="p"))
    with pytest.raises(exceptions.FailedPrecondition, match="not enabled"):
        cloud.window("plain")
    with pytest.raises(exceptions.FailedPrecondition, match="not enabled"):
        cloud.clone("never", datetime.now(UTC), source="plain")
    with cloud.connect("plain", "postgres", "p", "postgres") as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    clone = cloud.cloned(source="plain")
    with cloud.connect(clone, "postgres", "p", "postgres") as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(7,)]
    cloud.delete(clone)
    cloud.delete("plain")


def test_a_hole_in_the_archive_is_reported_and_never_recovered_short(cloud, step):
    early = step("early")
    clone = cloud.cloned(early)
    cloud.delete(clone)
    step("in the hole")
    cloud.delete(cloud.cloned())
    late = step("late")
    # The log up to here is archived by the clone; the segment before it gets lost.
    archive = cloud.files() / "archive"
    lost = max(path for path in archive.iterdir() if len(path.name) == 24)
    cloud.delete(cloud.cloned())
    kept = lost.rename(archive / ".lost")
    assert cloud.window().latest_recovery_time < late
    for at in (late, None):
        operation = cloud.clone("short", at)
        with pytest.raises(OperationFailed, match=f"hole.*{lost.name}"):
            cloud.done(operation)
        assert State.FAILED == cloud.get("short").state
        assert not cloud.files("short").exists()
        cloud.delete("short")
    clone = cloud.cloned(early)
    assert steps(cloud, clone) == ["early"]
    cloud.delete(clone)
    kept.rename(lost)
    clone = cloud.cloned(late)
    assert steps(cloud, clone) == ["early", "in the hole", "late"]
    cloud.delete(clone)


def test_a_full_disk_ends_the_clone_and_leaves_nothing_of_it(cloud):
    cloud.sandbox.add_fault("SqlInstancesService/Clone", "disk_full")
    operation = cloud.clone("full")
    with pytest.raises(OperationFailed, match="disk was full") as failed:
        cloud.done(operation)
    assert failed.value.args[0] == "DISK_FULL"
    assert State.FAILED == cloud.get("full").state
    assert not cloud.files("full").exists()
    with pytest.raises(exceptions.FailedPrecondition):
        cloud.users.list(request=cloud.on("full"))
    cloud.delete("full")
    cloud.delete(cloud.cloned())


def test_an_unmoved_source_goes_on_while_it_is_cloned(cloud):
    with cloud.connect() as connection:
        pid = connection.info.backend_pid
        cloud.delete(cloud.cloned())
        assert connection.execute("SELECT pg_backend_pid()").fetchone() == (pid,)
