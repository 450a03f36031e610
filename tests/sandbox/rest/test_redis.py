"""Memorystore: each instance is a redis-server that does what the API says."""

import asyncio
import base64
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from leitstand.sandbox.ports import Ports
from leitstand.sandbox.rest.redis.configuration import Configuration
from leitstand.sandbox.rest.redis.instances import Instances
from leitstand.sandbox.rest.redis.server import RedisServer
from leitstand.sandbox.rest.servicenetworking import Connections
from leitstand.sandbox.rest.storage.buckets import Buckets
from leitstand.sandbox.rest.storage.objects import Objects
from tests.sandbox.rest.parked import NETWORK, REGION, parked, refusal
from tests.sandbox.supervised import gone

KINDS = (Instances, Connections, Buckets, Objects)
STORAGE = "storage/storage/v1/b"
WRITER = "roles/storage.legacyBucketWriter"
COLLECTION = f"redis/v1/{REGION}/instances"
CACHE = f"{COLLECTION}/cache"
WANTED = {
    "tier": "BASIC",
    "memorySizeGb": 1,
    "authorizedNetwork": NETWORK,
    "authEnabled": True,
    "redisVersion": "REDIS_6_X",
    "redisConfigs": {"maxmemory-policy": "noeviction"},
}


@pytest.fixture
def park(tmp_path):
    with parked(tmp_path, *KINDS) as one:
        one.add_network()
        yield one


@pytest.fixture
def cache(park):
    return create(park)


def create(park, **changes):
    operation = park.done("POST", f"{COLLECTION}?instanceId=cache", {**WANTED, **changes})
    assert "error" not in operation, operation
    return park.call("GET", CACHE)


def client(park, instance):
    secret = ""
    if instance["authEnabled"]:
        secret = park.call("GET", f"{CACHE}/authString")["authString"]
    return redis.Redis(
        host=instance["host"], port=instance["port"], password=secret or None, retry=None
    )


def process(park):
    return psutil.Process(park.kinds[Instances].pid(f"{REGION}/instances/cache"))


def test_a_created_instance_takes_commands_with_its_auth_string_only(park, cache):
    assert (cache["state"], cache["host"], cache["replicaCount"]) == ("READY", "127.0.0.1", 0)
    with client(park, cache) as connection:
        connection.set("a", "1")
        assert connection.get("a") == b"1"
    with (
        redis.Redis(port=cache["port"], retry=None) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.get("a")


def test_the_auth_string_stands_in_private_files_only(park, cache):
    secret = park.call("GET", f"{CACHE}/authString")["authString"]
    assert secret not in " ".join(process(park).cmdline())
    assert secret not in str(cache)
    assert secret not in str(process(park).environ())
    for file in Path(park.park.directory).rglob("redis.conf"):
        assert file.stat().st_mode & 0o077 == 0


def test_memory_is_limited_and_the_policy_holds(park, cache):
    with client(park, cache) as connection:
        for number in range(7):
            connection.set(f"k{number}", b"x" * 1_000_000)
        with pytest.raises(redis.OutOfMemoryError):
            connection.set("more", b"x" * 4_000_000)
        assert connection.dbsize() == 7


def test_commands_that_google_blocks_are_unknown(park, cache):
    with client(park, cache) as connection:
        for command in ("CONFIG GET maxmemory", "BGSAVE", "SHUTDOWN", "ACL LIST"):
            with pytest.raises(redis.ResponseError, match="unknown command"):
                connection.execute_command(*command.split())


def test_changes_apply_while_it_runs(park, cache):
    before = process(park).pid
    operation = park.done(
        "PATCH",
        f"{CACHE}?updateMask=redisConfigs,authEnabled",
        {"redisConfigs": {"maxmemory-policy": "allkeys-lru"}, "authEnabled": False},
    )
    assert "error" not in operation, operation
    changed = park.call("GET", CACHE)
    assert changed["redisConfigs"] == {"maxmemory-policy": "allkeys-lru"}
    with client(park, changed) as connection:
        for number in range(30):
            connection.set(f"k{number}", b"x" * 1_000_000)
        assert connection.info("memory")["maxmemory_policy"] == "allkeys-lru"
    assert process(park).pid == before
    assert refusal(park.call, "GET", f"{CACHE}/authString")[0] == "FAILED_PRECONDITION"


def test_a_new_auth_string_comes_with_switching_it_off_and_on(park, cache):
    first = park.call("GET", f"{CACHE}/authString")
    for enabled in (False, True):
        park.done("PATCH", f"{CACHE}?updateMask=authEnabled", {"authEnabled": enabled})
    assert first != park.call("GET", f"{CACHE}/authString")


def test_scaling_a_basic_instance_empties_it(park, cache):
    with client(park, cache) as connection:
        connection.set("a", "1")
        park.done("PATCH", f"{CACHE}?updateMask=memorySizeGb", {"memorySizeGb": 2})
        assert connection.dbsize() == 0
        assert connection.info("memory")["maxmemory"] == 20 * 1024 * 1024


def test_a_failover_keeps_the_data_and_moves_the_primary(park):
    cache = create(park, tier="STANDARD_HA")
    with client(park, cache) as connection:
        connection.set("a", "1")
        operation = park.done(
            "POST", f"{CACHE}:failover", {"dataProtectionMode": "LIMITED_DATA_LOSS"}
        )
        assert "error" not in operation, operation
        assert connection.get("a") == b"1"
    assert park.call("GET", CACHE)["currentLocationId"] == cache["alternativeLocationId"]


def test_the_data_is_there_again_when_the_sandbox_starts_again(tmp_path):
    with parked(tmp_path, *KINDS) as park:
        park.add_network()
        cache = create(park)
        with client(park, cache) as connection:
            connection.set("a", "1")
        first = process(park)
    assert not first.is_running()
    with parked(tmp_path, *KINDS) as park, client(park, cache) as connection:
        assert connection.get("a") == b"1"


def add_bucket(park, *roles):
    """The bucket `backups`, on which the instance's account has these roles."""
    park.call("POST", f"{STORAGE}?project=leitstand-sandbox", {"name": "backups"})
    member = park.call("GET", CACHE)["persistenceIamIdentity"]
    bindings = [{"role": role, "members": [member]} for role in roles]
    park.call("PUT", f"{STORAGE}/backups/iam", {"bindings": bindings})


def test_an_export_is_a_file_that_a_fresh_server_loads(tmp_path, park, cache):
    add_bucket(park, WRITER)
    with client(park, cache) as connection:
        connection.set("a", "1")
        exported = park.done("POST", f"{CACHE}:export", output("gs://backups/daily/cache.rdb"))
        assert exported["response"]["name"] == cache["name"]
        connection.set("a", "2")
    file = park.park.directory / "storage" / "backups" / "daily" / "cache.rdb"
    assert [0o600, 0o700] == [path.stat().st_mode & 0o777 for path in (file, file.parent)]
    assert b"1" == asyncio.run(loaded(file, tmp_path / "fresh"))
    found = park.call("GET", f"{STORAGE}/backups/o/daily%2Fcache.rdb")
    assert str(file.stat().st_size) == found["size"]
    assert base64.b64encode(hashlib.md5(file.read_bytes()).digest()).decode() == found["md5Hash"]


def test_an_export_needs_a_bucket_on_which_the_instance_sees_and_creates(park, cache):
    uri = "gs://backups/cache.rdb"
    assert "NOT_FOUND" == refusal(park.call, "POST", f"{CACHE}:export", output(uri))[0]
    add_bucket(park, "roles/storage.objectAdmin")
    code, message = refusal(park.call, "POST", f"{CACHE}:export", output(uri))
    assert ("PERMISSION_DENIED", True) == (code, "'storage.buckets.get'" in message)


def test_an_export_that_replaces_an_object_needs_to_delete_it(park, cache):
    add_bucket(park, "roles/storage.objectCreator", "roles/storage.legacyBucketReader")
    park.done("POST", f"{CACHE}:export", output("gs://backups/cache.rdb"))
    code, message = refusal(park.call, "POST", f"{CACHE}:export", output("gs://backups/cache.rdb"))
    assert ("PERMISSION_DENIED", True) == (code, "'storage.objects.delete'" in message)


def test_a_second_export_replaces_the_first(park, cache):
    add_bucket(park, "roles/storage.objectUser", "roles/storage.legacyBucketReader")
    for value in ("1", "22"):
        with client(park, cache) as connection:
            connection.set("a", value)
        park.done("POST", f"{CACHE}:export", output("gs://backups/cache.rdb"))
    directory = park.park.directory / "storage" / "backups"
    assert ["cache.rdb"] == [file.name for file in directory.iterdir()]
    assert b"22" == asyncio.run(loaded(directory / "cache.rdb", directory.parent / "fresh"))


@pytest.mark.parametrize(
    "uri",
    ["", "backups/cache.rdb", "gs://backups", "gs://backups/", "gs://backups/../../cache.rdb",
     "gs://../cache.rdb", "gs://backups//cache.rdb", "gs://backups/" + 1025 * "a"],
)  # fmt: skip
def test_an_export_to_what_is_no_object_is_refused(park, uri):
    park.park.table("redis", "projects.locations.instances")[f"{REGION}/instances/cache"] = {}
    code, message = refusal(park.call, "POST", f"{CACHE}:export", output(uri))
    assert ("INVALID_ARGUMENT", True) == (code, "Invalid Cloud Storage URI" in message)


def output(uri):
    return {"outputConfig": {"gcsDestination": {"uri": uri}}}


async def loaded(file, directory):
    """The value of the key a in a server that starts with the file."""
    directory.mkdir()
    shutil.copy(file, directory / "dump.rdb")
    server = RedisServer(directory)
    await server.start(Configuration.of({"port": Ports().draw(), "memorySizeGb": 1}, "", "x"))
    try:
        return await server.ask("GET", "a")
    finally:
        await server.remove()


ALONE = """
import asyncio, sys
from pathlib import Path
from leitstand.sandbox.ports import Ports
from leitstand.sandbox.rest.redis.configuration import Configuration
from leitstand.sandbox.rest.redis.server import RedisServer

async def main():
    server = RedisServer(Path(sys.argv[1]))
    wanted = {"port": Ports().draw(), "memorySizeGb": 1}
    await server.start(Configuration.of(wanted, "secret", "x"))
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_server_does_not_outlive_a_sandbox_that_is_killed(tmp_path):
    command = [sys.executable, "-c", ALONE, str(tmp_path / "redis")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sandbox:
        server = psutil.Process(int(sandbox.stdout.readline()))
        assert "redis-server" in server.name()
        sandbox.kill()
    assert gone([server])


def test_a_deleted_instance_leaves_neither_process_nor_data(park, cache):
    server = process(park)
    park.done("DELETE", CACHE)
    assert not server.is_running()
    assert list(Path(park.park.directory).rglob("redis.conf")) == []
    assert refusal(park.call, "GET", CACHE)[0] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memorySizeGb": 0}, "Memory size"),
        ({"memorySizeGb": 301}, "Memory size"),
        ({"tier": "TIER_UNSPECIFIED"}, "Tier"),
        ({"authorizedNetwork": "main"}, "invalid authorized_network format"),
        ({"authorizedNetwork": "projects/other/global/networks/main"}, "same project"),
        ({"authorizedNetwork": NETWORK + "-2"}, "was not found"),
        ({"connectMode": "PRIVATE_SERVICE_ACCESS"}, "private service access is not enabled"),
        ({"redisConfigs": {"maxmemory-policy": "lru"}}, "Invalid value 'lru'"),
        ({"redisConfigs": {"appendonly": "yes"}}, "not supported"),
        ({"redisConfigs": {"lazyfree-lazy-expire": "yes"}}, "not supported for REDIS_6_X"),
        ({"locationId": "europe-west1-b"}, "not in region"),
        (
            {"transitEncryptionMode": "SERVER_AUTHENTICATION"},
            "does not implement transit encryption",
        ),
    ],
)
def test_what_google_refuses_is_refused(park, change, message):
    body = {**WANTED, **change}
    assert message in refusal(park.call, "POST", f"{COLLECTION}?instanceId=cache", body)[1]
    assert park.call("GET", COLLECTION) == {}


def test_private_service_access_needs_a_connection(park):
    address = {"name": "range", "purpose": "VPC_PEERING", "network": NETWORK}
    name = NETWORK.replace("networks/main", "addresses/range")
    park.park.table("compute", "globalAddresses")[name] = address
    connections = "servicenetworking/v1/services/servicenetworking.googleapis.com/connections"
    wanted = {"network": NETWORK, "reservedPeeringRanges": ["nowhere"]}
    refused = park.done("POST", connections, wanted)
    assert refused["error"]["message"] == "Allocated IP range 'nowhere' not found in network."
    made = park.done("POST", connections, {**wanted, "reservedPeeringRanges": ["range"]})
    assert "error" not in made, made
    listed = park.call("GET", f"{connections}?network={NETWORK}")["connections"]
    assert [one["peering"] for one in listed] == ["servicenetworking-googleapis-com"]
    cache = create(park, connectMode="PRIVATE_SERVICE_ACCESS")
    assert cache["state"] == "READY"
    gone = park.done("POST", f"{connections}/-", {"consumerNetwork": NETWORK})
    assert "still using this connection" in gone["error"]["message"]
