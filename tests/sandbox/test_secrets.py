"""Secret Manager through Google's client."""

import stat
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions
from google.cloud import secretmanager_v1

from leitstand.sandbox.checksums import crc32c
from leitstand.sandbox.secrets import Secrets
from leitstand.sandbox.store import Store
from tests.sandbox.serving import PROJECT, serving

PARENT = f"projects/{PROJECT}"
NAME = f"{PARENT}/secrets/DATABASE_URL"
State = secretmanager_v1.SecretVersion.State


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def client(store):
    def make():
        secrets = Secrets(store)
        secrets.seed([{"name": NAME, "versions": 2}])
        return (secrets,)

    with serving(make) as server:
        yield server.client(secretmanager_v1.SecretManagerServiceClient)


def version(number):
    return f"{NAME}/versions/{number}"


def access(client, number):
    return client.access_secret_version(name=version(number)).payload.data


def add(client, data=b"value"):
    return client.add_secret_version(parent=NAME, payload={"data": data})


def test_the_seed_makes_versions_with_random_values(client):
    values = {access(client, 1), access(client, 2)}
    assert len(values) == 2
    assert all(len(value) >= 24 for value in values)


TOPICS = [{"name": f"{PARENT}/topics/rotation"}]
DAY = timedelta(days=1)
LATER = datetime.now(UTC) + DAY


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"topics": [{"name": "rotation"}]}, "is not projects/PROJECT/topics/TOPIC"),
        ({"topics": TOPICS * 2}, "different topics"),
        ({"rotation": {"next_rotation_time": LATER}}, "Topics must be set"),
        ({"rotation": {"rotation_period": DAY}, "topics": TOPICS}, "Next rotation time must be"),
        (
            {
                "rotation": {"rotation_period": DAY / 48, "next_rotation_time": LATER},
                "topics": TOPICS,
            },
            "from 3600s",
        ),
        (
            {"rotation": {"next_rotation_time": LATER - 2 * DAY}, "topics": TOPICS},
            "in the future",
        ),
    ],
)
def test_a_rotation_needs_topics_and_a_next_time(client, fields, message):
    secret = {"replication": {"automatic": {}}, **fields}
    request = {"parent": PARENT, "secret_id": "ROTATED", "secret": secret}
    with pytest.raises(exceptions.InvalidArgument, match=message):
        client.create_secret(request=request)
    change = {"secret": {"name": NAME, **fields}, "update_mask": {"paths": list(fields)}}
    with pytest.raises(exceptions.InvalidArgument, match=message):
        client.update_secret(request=change)
    assert "rotation" not in client.get_secret(name=NAME)


def test_a_rotation_is_kept_and_its_past_time_prevents_no_other_change(client, store):
    rotation = {"rotation_period": 90 * DAY, "next_rotation_time": LATER}
    fields = {"rotation": rotation, "topics": TOPICS}
    change = {"secret": {"name": NAME, **fields}, "update_mask": {"paths": list(fields)}}
    kept = client.update_secret(request=change)
    assert (kept.rotation.rotation_period, kept.topics[0].name) == (
        90 * DAY,
        TOPICS[0]["name"],
    )
    table = store.table("secrets", secretmanager_v1.Secret)
    table[NAME].rotation.next_rotation_time = LATER - 2 * DAY
    change = {"secret": {"name": NAME, "labels": {"a": "b"}}, "update_mask": {"paths": ["labels"]}}
    assert client.update_secret(request=change).labels["a"] == "b"


def test_a_value_comes_back_with_its_checksum(client):
    name = add(client, b"123456789").name
    answer = client.access_secret_version(name=name)
    assert (answer.payload.data, answer.payload.data_crc32c) == (b"123456789", 0xE3069283)


def test_the_checksum_is_crc_32c_as_in_its_standard():
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_latest_is_the_newest_version_even_if_it_is_disabled(client):
    assert version(2) == client.get_secret_version(name=version("latest")).name
    client.disable_secret_version(name=version(2))
    with pytest.raises(exceptions.FailedPrecondition, match=r"versions/2\] is in DISABLED state"):
        access(client, "latest")


def test_an_alias_names_a_version(client):
    secret = {"name": NAME, "version_aliases": {"stable": 1}}
    client.update_secret(secret=secret, update_mask={"paths": ["version_aliases"]})
    assert access(client, 1) == access(client, "stable")


def test_an_alias_must_name_a_version_that_exists(client):
    secret = {"name": NAME, "version_aliases": {"stable": 9}}
    with pytest.raises(exceptions.NotFound):
        client.update_secret(secret=secret, update_mask={"paths": ["version_aliases"]})


def test_a_disabled_version_can_be_enabled_again(client):
    value = access(client, 1)
    assert client.disable_secret_version(name=version(1)).state == State.DISABLED
    assert client.enable_secret_version(name=version(1)).state == State.ENABLED
    assert value == access(client, 1)


def test_a_destroyed_version_is_gone_for_good(client, store):
    value = access(client, 1)
    destroyed = client.destroy_secret_version(name=version(1))
    assert destroyed.state == State.DESTROYED
    assert destroyed.destroy_time is not None
    with pytest.raises(exceptions.FailedPrecondition, match="DESTROYED"):
        access(client, 1)
    with pytest.raises(exceptions.FailedPrecondition):
        client.enable_secret_version(name=version(1))
    store.save()
    assert repr(value)[2:-1] not in store.path.read_text()


def test_versions_are_listed_newest_first_in_pages_and_by_state(client):
    for _ in range(3):
        add(client)
    client.disable_secret_version(name=version(4))
    pages = list(client.list_secret_versions(request={"parent": NAME, "page_size": 2}).pages)
    numbers = [[int(v.name.rpartition("/")[2]) for v in page.versions] for page in pages]
    assert numbers == [[5, 4], [3, 2], [1]]
    listed = client.list_secret_versions(request={"parent": NAME, "filter": "state:DISABLED"})
    assert [version(4)] == [found.name for found in listed]


def test_etags_are_checked_where_given_and_renewed_by_every_change(client):
    first = client.get_secret_version(name=version(1))
    client.enable_secret_version(request={"name": first.name, "etag": first.etag})
    with pytest.raises(exceptions.FailedPrecondition, match="etag"):
        client.disable_secret_version(request={"name": first.name, "etag": first.etag})
    secret = client.get_secret(name=NAME)
    mask = {"paths": ["labels"]}
    client.update_secret(secret={**_named(secret), "labels": {"a": "b"}}, update_mask=mask)
    with pytest.raises(exceptions.FailedPrecondition, match="etag"):
        client.update_secret(secret={**_named(secret), "labels": {}}, update_mask=mask)
    with pytest.raises(exceptions.FailedPrecondition, match="etag"):
        client.delete_secret(request=_named(secret))


def _named(secret):
    return {"name": secret.name, "etag": secret.etag}


def test_a_deleted_secret_takes_its_versions_with_it(client):
    client.delete_secret(name=NAME)
    with pytest.raises(exceptions.NotFound):
        access(client, 1)
    assert list(client.list_secrets(parent=PARENT)) == []


def test_secrets_are_listed_by_name_and_filter(client):
    for name in ("REDIS_URL", "DATABASE_KEY"):
        client.create_secret(
            parent=PARENT, secret_id=name, secret={"replication": {"automatic": {}}}
        )
    listed = client.list_secrets(request={"parent": PARENT, "page_size": 1})
    assert [secret.name.rpartition("/")[2] for secret in listed] == [
        "DATABASE_KEY",
        "DATABASE_URL",
        "REDIS_URL",
    ]
    assert len(list(client.list_secrets(request={"parent": PARENT, "filter": "name:DATA"}))) == 2


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: c.get_secret(name=f"{PARENT}/secrets/NO"), exceptions.NotFound),
        (lambda c: access(c, 9), exceptions.NotFound),
        (lambda c: c.get_secret(name=f"{PARENT}/NO"), exceptions.InvalidArgument),
        (lambda c: c.create_secret(parent=PARENT, secret_id="a b"), exceptions.InvalidArgument),
        (lambda c: c.create_secret(parent=PARENT, secret_id="A"), exceptions.InvalidArgument),
        (
            lambda c: c.create_secret(
                parent=PARENT,
                secret_id="DATABASE_URL",
                secret={"replication": {"automatic": {}}},
            ),
            exceptions.AlreadyExists,
        ),
        (lambda c: add(c, b""), exceptions.InvalidArgument),
        (lambda c: add(c, b"x" * 65537), exceptions.InvalidArgument),
        (
            lambda c: c.add_secret_version(parent=NAME, payload={"data": b"x", "data_crc32c": 1}),
            exceptions.InvalidArgument,
        ),
        (
            lambda c: c.list_secrets(request={"parent": PARENT, "page_token": "x"}),
            exceptions.InvalidArgument,
        ),
        (
            lambda c: c.list_secrets(request={"parent": PARENT, "page_size": -1}),
            exceptions.InvalidArgument,
        ),
        (
            lambda c: c.update_secret(secret={"name": NAME}, update_mask={"paths": ["name"]}),
            exceptions.InvalidArgument,
        ),
    ],
)
def test_wrong_requests_are_refused(client, call, error):
    with pytest.raises(error):
        call(client)


def test_values_survive_a_restart_in_a_file_that_only_the_owner_can_read(client, store):
    value = access(client, 1)
    store.save()
    assert value == Secrets(Store(store.path.parent)).value(version(1))
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_messages_of_errors_hold_no_value(client):
    value = access(client, 2).decode()
    client.disable_secret_version(name=version(2))
    with pytest.raises(exceptions.FailedPrecondition) as refused:
        access(client, 2)
    assert value not in str(refused.value)
