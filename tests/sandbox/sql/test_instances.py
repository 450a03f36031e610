"""Cloud SQL instances: made, read, changed, restarted, deleted."""

import psycopg
import pytest
from google.api_core import exceptions
from google.cloud import sqladmin_v1

from tests.fixtures.cloud_sql import OperationFailed
from tests.sandbox.supervised import PROJECT

State = sqladmin_v1.DatabaseInstance.SqlInstanceState


def test_a_seeded_instance_is_postgresql_16_with_pgvector_on_loopback(cloud):
    instance = cloud.get()
    assert State.RUNNABLE == instance.state
    assert instance.connection_name == f"{PROJECT}:europe-west3:main"
    assert [("PRIVATE", "127.0.0.1")] == [
        (address.type_.name, address.ip_address) for address in instance.ip_addresses
    ]
    assert cloud.ask("SHOW server_version")[0][0].startswith("16.")
    assert cloud.ask("SELECT '[1,2]'::vector <-> '[1,3]'::vector") == [(1.0,)]
    assert cloud.ask("SHOW listen_addresses") == [("127.0.0.1",)]


def test_the_url_secret_of_the_seed_opens_the_database(cloud):
    name = f"projects/{PROJECT}/secrets/DATABASE_URL/versions/1"
    url = cloud.secrets.access_secret_version(name=name).payload.data.decode()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == (
            "app",
            "app",
        )


def test_the_port_is_in_a_label_and_in_the_sandboxs_status(cloud):
    found = cloud.sandbox.status()["sql"]["main"]
    assert (cloud.port(), "127.0.0.1", "RUNNABLE") == (
        found["port"],
        found["host"],
        found["state"],
    )


def test_a_wrong_password_and_the_administrator_are_refused(cloud):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        cloud.connect(password="wrong")
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        cloud.connect(user="cloudsqladmin")


def test_an_instance_is_pending_while_it_is_made_and_then_runs(cloud):
    settings = {"tier": "t", "database_flags": [{"name": "work_mem", "value": "8MB"}]}
    operation = cloud.insert("made", settings, root_password="geheim")
    assert operation.operation_type.name == "CREATE"
    assert State.PENDING_CREATE == cloud.get("made").state
    cloud.done(operation)
    made = cloud.get("made")
    assert (State.RUNNABLE, "") == (made.state, made.root_password)
    with cloud.connect("made", "postgres", "geheim", "postgres") as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("8MB",)
    # Iterating over the pager of this client gives the warnings, not the instances.
    found = cloud.instances.list(request={"project": PROJECT}).items
    names = [one.name for one in found]
    assert {"main", "made"} <= set(names)
    assert sorted(names) == names
    cloud.delete("made")
    with pytest.raises(exceptions.NotFound):
        cloud.get("made")
    assert not cloud.files("made").exists()


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("Main", {"tier": "t"}, "Invalid instance name"),
        ("9main", {"tier": "t"}, "Invalid instance name"),
        ("main-", {"tier": "t"}, "Invalid instance name"),
        ("a" * 90, {"tier": "t"}, "too long"),
        ("new", {"storage_auto_resize": True}, "settings.tier"),
        (
            "new",
            {"tier": "t", "backup_configuration": {"point_in_time_recovery_enabled": True}},
            "automated backups",
        ),
        (
            "new",
            {"tier": "t", "backup_configuration": {"transaction_log_retention_days": 8}},
            "from 1 to 7",
        ),
        ("new", {"tier": "t", "database_flags": [{"name": "fsync", "value": "on"}]}, "cannot be"),
        ("new", {"tier": "t", "database_flags": [{"name": "nosuch", "value": "1"}]}, "nosuch"),
        ("new", {"tier": "t", "database_flags": [{"name": "work_mem", "value": "x"}]}, "work_mem"),
        ("new", {"tier": "t", "database_flags": [{"name": "no.such", "value": "1"}]}, "no.such"),
        (
            "new",
            {"tier": "t", "database_flags": [{"name": "cloudsql.enable_pgaudit", "value": "1"}]},
            "not on or off",
        ),
        ("new", {"tier": "t", "ip_configuration": {"ipv4_enabled": False}}, "At least one of"),
        ("new", {"tier": "t", "ip_configuration": {"private_network": "vpc"}}, "private network"),
        (
            "new",
            {"tier": "t", "ip_configuration": {"psc_config": {"allowed_consumer_projects": ["p"]}}},
            "Private Service Connect",
        ),
        (
            "new",
            {"tier": "t", "ip_configuration": {"require_ssl": True, "ssl_mode": "ENCRYPTED_ONLY"}},
            "requireSsl",
        ),
        ("new", {"tier": "t", "availability_type": "REGIONAL"}, "point-in-time"),
        ("new", {"tier": "t", "data_disk_size_gb": 5}, "at least 10 GB"),
        ("new", {"tier": "t", "insights_config": {"query_string_length": 9}}, "queryStringLength"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(cloud, name, settings, message):
    with pytest.raises(exceptions.InvalidArgument, match=message):
        cloud.insert(name, settings)
    assert not cloud.files(name).exists()


def test_a_taken_name_and_another_version_are_refused(cloud):
    with pytest.raises(exceptions.AlreadyExists):
        cloud.insert("main")
    with pytest.raises(exceptions.InvalidArgument, match="POSTGRES_16 only"):
        cloud.insert("new", database_version="POSTGRES_17")


def test_what_an_instance_keeps_for_its_life_cannot_be_changed(cloud):
    for change in ({"region": "europe-west1"}, {"database_version": "POSTGRES_17"}):
        with pytest.raises(exceptions.InvalidArgument, match="cannot be changed"):
            cloud.patch({"tier": "t2"}, **change)
    cloud.done(cloud.patch({"data_disk_size_gb": 20}, region="europe-west3"))
    with pytest.raises(exceptions.InvalidArgument, match="disk size cannot decrease"):
        cloud.patch({"data_disk_size_gb": 15})
    assert cloud.get().settings.data_disk_size_gb == 20


def test_private_service_connect_gives_names_and_a_private_network_stays(cloud):
    network = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/networks/vpc"
    psc = {"psc_enabled": True, "allowed_consumer_projects": [PROJECT]}
    assert not cloud.get().dns_name
    cloud.done(cloud.patch({"ip_configuration": {"private_network": network, "psc_config": psc}}))
    first = cloud.get()
    assert "/serviceAttachments/" in first.psc_service_attachment_link
    assert first.dns_name.endswith(".europe-west3.sql.goog.")
    settings = sqladmin_v1.Settings(first.settings)
    settings.ip_configuration.private_network = ""
    with pytest.raises(exceptions.InvalidArgument, match="cannot be removed"):
        cloud.instances.update(request=cloud.on(body={"settings": settings}))
    cloud.done(cloud.patch({"user_labels": {"a": "d"}}))
    assert cloud.get().dns_name == first.dns_name


def test_flags_of_google_alone_are_kept_and_those_of_postgresql_are_applied(cloud):
    flags = {
        "cloudsql.iam_authentication": "on",
        "maintenance_work_mem": "262144",
        "max_parallel_maintenance_workers": "4",
    }
    listed = [{"name": name, "value": value} for name, value in flags.items()]
    cloud.done(cloud.patch({"database_flags": listed}))
    kept = {flag.name: flag.value for flag in cloud.get().settings.database_flags}
    assert kept == flags
    assert cloud.ask("SHOW maintenance_work_mem") == [("256MB",)]
    assert cloud.ask("SHOW max_parallel_maintenance_workers") == [("4",)]


def test_a_flag_that_postgresql_cannot_start_with_fails_and_leaves_the_instance_as_it_was(cloud):
    flags = {"database_flags": [{"name": "max_connections", "value": "3"}]}
    before = cloud.get().settings.database_flags
    with pytest.raises(OperationFailed, match="superuser_reserved_connections"):
        cloud.done(cloud.patch(flags))
    assert before == cloud.get().settings.database_flags
    assert cloud.ask("SHOW max_connections") == [("100",)]


def test_a_patch_changes_what_it_names_and_restarts_for_flags(cloud):
    before = cloud.get().settings
    flags = {"database_flags": [{"name": "max_connections", "value": "60"}]}
    cloud.done(cloud.patch({**flags, "user_labels": {"team": "web"}}))
    assert cloud.ask("SHOW max_connections") == [("60",)]
    after = cloud.get().settings
    assert after.user_labels["team"] == "web"
    assert "sandbox-port" in after.user_labels
    assert (before.tier, before.settings_version + 1) == (after.tier, after.settings_version)


def test_an_old_settings_version_or_etag_is_a_conflict(cloud):
    instance = cloud.get()
    cloud.done(cloud.patch({"user_labels": {"a": "b"}}, etag=instance.etag))
    with pytest.raises(exceptions.Aborted, match="etag"):
        cloud.patch({"user_labels": {"a": "c"}}, etag=instance.etag)
    with pytest.raises(exceptions.FailedPrecondition, match="settingsVersion"):
        cloud.patch({"settings_version": instance.settings.settings_version})


def test_an_update_needs_the_settings_version_and_replaces_the_rest(cloud):
    settings = sqladmin_v1.Settings(cloud.get().settings)
    version, settings.settings_version = settings.settings_version, None
    settings.database_flags = []
    with pytest.raises(exceptions.InvalidArgument, match="settingsVersion"):
        cloud.instances.update(request=cloud.on(body={"settings": settings}))
    settings.settings_version = version
    cloud.done(cloud.instances.update(request=cloud.on(body={"settings": settings})))
    assert cloud.ask("SHOW max_connections") == [("100",)]


def test_a_protected_instance_is_deleted_only_when_the_protection_is_off(cloud):
    cloud.done(cloud.insert("kept", {"tier": "t", "deletion_protection_enabled": True}))
    with pytest.raises(exceptions.FailedPrecondition, match="is protected"):
        cloud.delete("kept")
    cloud.done(cloud.patch({"deletion_protection_enabled": False}, "kept"))
    cloud.delete("kept")


def test_one_operation_at_a_time(cloud):
    operation = cloud.instances.restart(request=cloud.on())
    for attempt in (
        lambda: cloud.instances.restart(request=cloud.on()),
        lambda: cloud.patch({"tier": "t2"}),
        lambda: cloud.clone(),
        lambda: cloud.backups.insert(request=cloud.on()),
    ):
        with pytest.raises(exceptions.Aborted, match="already in progress") as refused:
            attempt()
        assert refused.value.code == 409
    cloud.done(operation)
    assert cloud.ask("SELECT 1") == [(1,)]


def test_an_instance_is_stopped_and_started_by_its_activation_policy(cloud):
    cloud.done(cloud.patch({"activation_policy": "NEVER"}))
    with pytest.raises(psycopg.OperationalError):
        cloud.ask("SELECT 1")
    with pytest.raises(exceptions.FailedPrecondition, match="not running"):
        cloud.databases.list(request=cloud.on())
    cloud.done(cloud.patch({"activation_policy": "ALWAYS"}))
    assert cloud.ask("SELECT 1") == [(1,)]


def test_operations_are_listed_newest_first(cloud):
    first = cloud.done(cloud.patch({"user_labels": {"n": "1"}}))
    second = cloud.done(cloud.instances.restart(request=cloud.on()))
    found = cloud.operations.list(request=cloud.on(max_results=2))
    assert [second.name, first.name] == [operation.name for operation in found.items]
    assert found.next_page_token
    with pytest.raises(exceptions.NotFound):
        cloud.operations.get(request={"project": PROJECT, "operation": "none"})


def test_a_foreign_project_is_refused(cloud):
    with pytest.raises(exceptions.PermissionDenied):
        cloud.instances.list(request={"project": "someone-elses"})


def test_connect_settings_name_address_and_version(cloud):
    found = cloud.connections.get_connect_settings(request=cloud.on())
    assert found.ip_addresses[0].ip_address == "127.0.0.1"
    assert found.database_version.name == "POSTGRES_16"
