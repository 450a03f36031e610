"""Copies of one sandbox run at once; each works on its own database and Redis only."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import psutil
import psycopg
import pytest
import redis
from google.cloud import run_v2

from leitstand.sandbox import control
from leitstand.sandbox.ports import Ports
from leitstand.sandbox.rest.redis.instances import Instances
from leitstand.sandbox.sockets import socket_directory
from leitstand.sandbox.sql.binaries import guarded, program
from leitstand.sandbox.sql.cluster import own
from leitstand.sandbox.sql.machine import Machine
from tests.fixtures.cloud_sql import PATIENT, SEED, URL, CloudSql
from tests.sandbox.rest.parked import parked
from tests.sandbox.supervised import IMAGE, PARENT, PROJECT, client

QUEUE = f"projects/{PROJECT}/secrets/REDIS_URL"
FURNISHED = {**SEED, "secrets": [*SEED["secrets"], {"name": QUEUE, "versions": 1}]}
NETWORK = f"projects/{PROJECT}/global/networks/main"
NETWORK_BODY = {"name": "main", "autoCreateSubnetworks": False}
CACHE = {"tier": "BASIC", "memorySizeGb": 1, "authorizedNetwork": NETWORK}
WRITE = """
import os, psycopg, redis
text = os.environ["TEXT"]
with psycopg.connect(os.environ["DATABASE_URL"]) as database:
    database.execute("INSERT INTO t VALUES (%s)", (text,))
queue = redis.Redis.from_url(os.environ["REDIS_URL"])
queue.rpush("t", text)
assert os.environ["REDIS_PORT"] == str(queue.connection_pool.connection_kwargs["port"])
"""


class Furnished(CloudSql):
    """A sandbox with a database, a Redis, and an application that writes into both."""

    def furnish(self):
        self.ask("CREATE TABLE t (text text)")
        self.post("compute/compute/v1/projects/leitstand-sandbox/global/networks", NETWORK_BODY)
        self.post(f"redis/v1/{PARENT}/instances?instanceId=cache", CACHE)
        while not self.status().get("redis.projects.locations.instances"):
            time.sleep(0.05)
        while (cache := self.get_json(f"redis/v1/{PARENT}/instances/cache"))["state"] != "READY":
            time.sleep(0.05)
        url = f"redis://127.0.0.1:{cache['port']}/0"
        self.secrets.add_secret_version(parent=QUEUE, payload={"data": url.encode()})
        variables = [
            {"name": "DATABASE_URL", "value_source": _reference(URL, "1")},
            {"name": "REDIS_URL", "value_source": _reference(QUEUE, "2")},
            {"name": "REDIS_PORT", "value": str(cache["port"])},
            {"name": "TEXT", "value": ""},
        ]
        container = {"image": IMAGE, "command": ["python", "-c"], "args": [WRITE], "env": variables}
        task = {"max_retries": 0, "containers": [container]}
        job = {"template": {"task_count": 1, "template": task}}
        self.jobs.create_job(parent=PARENT, job_id="write", job=job).result(timeout=PATIENT)

    @property
    def jobs(self):
        return client(self.sandbox, run_v2.JobsClient)

    @property
    def queue_port(self):
        return self.get_json(f"redis/v1/{PARENT}/instances/cache")["port"]

    def status(self):
        return self.sandbox.status()["rest_resources"]

    def get_json(self, path, body=None):
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.sandbox.rest}/{path}", content, headers)
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())

    post = get_json

    def value(self, version):
        return self.secrets.access_secret_version(name=version).payload.data.decode()

    def write(self, text):
        """Have the application write, as it is started from its job."""
        override = {"env": [{"name": "TEXT", "value": text}]}
        request = run_v2.RunJobRequest(
            name=f"{PARENT}/jobs/write", overrides={"container_overrides": [override]}
        )
        self.jobs.run_job(request=request).result(timeout=PATIENT)

    def written(self):
        """What stands in this sandbox's database and Redis, asked through its own files."""
        (settings,) = self.sandbox.directory.glob("sql/*/*/data/postgresql.conf")
        sockets = re.search("unix_socket_directories = '(.+)'", settings.read_text())[1]
        with psycopg.connect(
            host=sockets, port=self.port(), user="cloudsqladmin", dbname="app"
        ) as database:
            rows = [text for (text,) in database.execute("SELECT text FROM t ORDER BY text")]
        (file,) = self.sandbox.directory.glob("redis/*/redis.conf")
        path = re.search('^unixsocket "(.+)"$', file.read_text(), re.MULTILINE)[1]
        with redis.Redis(unix_socket_path=path) as queue:
            return rows, sorted(item.decode() for item in queue.lrange("t", 0, -1))


def _reference(secret, version):
    return {"secret_key_ref": {"secret": secret, "version": version}}


def start(directory):
    return Furnished(control.start(directory, FURNISHED, lifeline=True, timeout=PATIENT))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The directory of a furnished sandbox that has stopped; only to be copied."""
    directory = tmp_path_factory.mktemp("original") / "sandbox"
    sandbox = start(directory)
    sandbox.furnish()
    sandbox.sandbox.stop()
    return directory


@pytest.fixture
def copies(original, tmp_path):
    """Copies a stopped sandbox; every copy is ended afterwards."""
    made = []

    def copy(source=original):
        made.append(tmp_path / str(len(made)) / "sandbox")
        made[-1].parent.mkdir()
        # With its owners: PostgreSQL has an account of its own.
        subprocess.run(["cp", "-a", source, made[-1]], check=True)
        return made[-1]

    yield copy
    for directory in made:
        with suppress(control.SandboxError):
            control.reset(directory)


@contextmanager
def listening(port):
    """A stranger on a port, who answers nobody."""
    with socket.create_server(("127.0.0.1", port)):
        yield


def saved_ports(directory):
    """The ports of the database and of Redis in a stopped sandbox's state."""
    state = json.loads((directory / "state.json").read_text())
    (instance,) = state["sql_instances"].values()
    (cache,) = state["rest/redis/projects.locations.instances"].values()
    return int(instance["settings"]["user_labels"]["sandbox-port"]), cache["port"]


def test_two_copies_that_start_at_once_write_into_their_own_database_and_redis(copies):
    directories = copies(), copies()
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(start, directories)
    assert len({one.port(), two.port(), one.queue_port, two.queue_port}) == 4
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Furnished.write, (one, two), ("eins", "zwei")))
    assert ((["eins"], ["eins"]), (["zwei"], ["zwei"])) == (one.written(), two.written())
    # Whoever has moved stays there, though the first port is free again.
    ports = [(sandbox.port(), sandbox.queue_port) for sandbox in (one, two)]
    for sandbox in (one, two):
        sandbox.sandbox.stop()
    assert ports == [saved_ports(directory) for directory in directories]
    two = start(directories[1])
    assert ports[1] == (two.port(), two.queue_port)


def test_strangers_on_both_ports_are_evaded_and_everything_follows(copies):
    directory = copies()
    database, queue = saved_ports(directory)
    with listening(database), listening(queue):
        moved = start(directory)
        assert not {moved.port(), moved.queue_port} & {database, queue}
        assert f"127.0.0.1:{moved.port()}/app" in moved.value(f"{URL}/versions/1")
        assert f"redis://127.0.0.1:{moved.queue_port}/0" == moved.value(f"{QUEUE}/versions/2")
        job = moved.jobs.get_job(name=f"{PARENT}/jobs/write")
        variables = {v.name: v.value for v in job.template.template.containers[0].env}
        assert str(moved.queue_port) == variables["REDIS_PORT"]
        moved.write("a")
        assert (["a"], ["a"]) == moved.written()


def test_a_server_left_on_its_own_data_is_ended_and_the_port_stays(copies):
    directory = copies()
    port, _ = saved_ports(directory)
    (data,) = directory.glob("sql/*/*/data")
    command = (program("postgres"), "-D", str(data), "-c", "unix_socket_directories=")
    left = subprocess.Popen(
        guarded(command, at_death=signal.SIGQUIT), cwd="/", stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + PATIENT
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.05)
    sandbox = start(directory)
    assert port == sandbox.port()
    assert left.wait(1) is not None
    sandbox.write("a")
    assert (["a"], ["a"]) == sandbox.written()


def test_a_database_whose_port_is_taken_the_moment_it_starts_takes_another(tmp_path):
    ports = Ports()
    port = ports.draw()
    sockets = socket_directory(tmp_path, "test")
    own(sockets)
    machine = Machine(tmp_path / "one", sockets, port, ports.draw)

    async def whole():
        with listening(port):
            await machine.create({}, archiving=False)
            try:
                return await machine.cluster.ask("SHOW port")
            finally:
                await machine.remove()

    shown = asyncio.run(whole())
    assert [(str(machine.port),)] == shown
    assert port != machine.port


def test_a_redis_whose_port_is_taken_by_another_redis_the_moment_it_starts(tmp_path, monkeypatch):
    """The other one has no password and answers everything."""
    for part in ("one", "two"):
        (tmp_path / part).mkdir()
    with parked(tmp_path / "one", Instances) as one, parked(tmp_path / "two", Instances) as two:
        first = created(one)
        # As where the other one came after the port was looked at.
        monkeypatch.setattr(two.park.addresses, "draw", lambda: first["port"])
        monkeypatch.setattr(two.park.addresses, "move", lambda _: Ports().draw())
        second = created(two)
        assert first["port"] != second["port"]
        with redis.Redis(port=second["port"]) as queue:
            assert process(two).pid == queue.info("server")["process_id"]


def created(park):
    park.add_network()
    park.done("POST", f"redis/v1/{PARENT}/instances?instanceId=cache", CACHE)
    return park.call("GET", f"redis/v1/{PARENT}/instances/cache")


def process(park):
    return psutil.Process(park.kinds[Instances].pid(f"{PARENT}/instances/cache"))


def test_a_stopped_instance_keeps_its_port_from_the_copies(copies):
    directory = copies()
    one = start(directory)
    one.done(one.patch({"activation_policy": "NEVER"}))
    one.sandbox.stop()
    other = copies(directory)
    one, two = start(directory), start(other)
    assert one.port() != two.port()
    assert f"127.0.0.1:{two.port()}/app" in two.value(f"{URL}/versions/1")
    two.done(two.patch({"activation_policy": "ALWAYS"}))
    with pytest.raises(psycopg.OperationalError):
        one.connect()
    two.connect().close()


def test_a_sandbox_that_cannot_follow_refuses_to_start_and_says_why(copies):
    directory = copies()
    one = start(directory)
    text = f"dsn=tcp(127.0.0.1,{one.port()})"
    one.secrets.add_secret_version(parent=QUEUE, payload={"data": text.encode()})
    taken = one.port()
    one.sandbox.stop()
    with listening(taken), pytest.raises(control.StartFailed) as refused:
        start(directory)
    assert f"Port {taken} of one of its servers is taken" in str(refused.value)
    assert f"{QUEUE}/versions/3" in str(refused.value)
    assert taken == start(directory).port()
