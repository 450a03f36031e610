"""An export is proven by a real redis-server that loads it."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis

from leitstand.core.errors import RunFailed
from leitstand.core.snapshot_types import Keys, Sampled
from leitstand.database.redis_content import compare_sample, read_content, sample_keys
from leitstand.execution.redis_loading import NoServer, Unloadable, loaded, servers


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server with keys of all sorts, and its export."""
    directory = tmp_path_factory.mktemp("r")
    socket = directory / "s"
    (program, _), *_ = servers()
    command = [program, "--port", "0", "--unixsocket", str(socket), "--dir", str(directory)]
    process = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert process.poll() is None
        for number, redis in enumerate(Redis(unix_socket_path=str(socket), db=n) for n in (0, 5)):
            with redis:
                redis.mset({f"k{n}": random.randbytes(20) for n in range(40 * (number + 1))})
                redis.lpush("celery", "task")
                redis.set("passing", "x", ex=1000)
                redis.save()
        yield f"unix://{socket}", directory / "dump.rdb"
    finally:
        process.kill()
        process.wait()


def copy(file: Path, directory: Path, change: bytes = b"") -> Path:
    """A copy of an export, its beginning replaced."""
    content = file.read_bytes()
    target = directory / "copy.rdb"
    target.write_bytes(change + content[len(change) :])
    return target


def test_a_loaded_export_holds_keys_and_types_of_its_source(
    source: tuple[str, Path], tmp_path: Path
) -> None:
    url, file = source
    sample = sample_keys(url, [0, 5], 30)
    assert {"string"} <= {kind for _, _, kind in sample}
    with loaded(copy(file, tmp_path), deadline=20, watch=lambda _: None) as copied:
        content = read_content(copied)
        sampled = compare_sample(copied, sample)
        (server,) = [
            one for one in psutil.Process().children(recursive=True)
            if "rdb-" in " ".join(one.cmdline())
        ]  # fmt: skip
    assert {0: Keys(41, 1), 5: Keys(81, 1)} == content.databases
    assert (len(sample), 0, 0) == (sampled.compared, sampled.missing, sampled.different)
    assert not server.is_running()
    assert read_content(url).databases == content.databases


def test_a_sample_finds_missing_keys_and_other_types(source: tuple[str, Path]) -> None:
    url, _ = source
    sample = ((0, b"k1", "string"), (0, b"celery", "hash"), (5, b"nothing", "string"))
    assert Sampled(3, 1, 1) == compare_sample(url, sample)


def test_a_damaged_export_is_unloadable(source: tuple[str, Path], tmp_path: Path) -> None:
    file = copy(source[1], tmp_path)
    file.write_bytes(file.read_bytes()[:-40])
    with (
        pytest.raises(Unloadable, match="beendet sich"),
        loaded(file, deadline=20, watch=lambda _: None),
    ):
        pass


def test_what_is_no_export_is_unloadable(source: tuple[str, Path], tmp_path: Path) -> None:
    with (
        pytest.raises(Unloadable, match="kein RDB"),
        loaded(copy(source[1], tmp_path, b"<html>"), deadline=20, watch=lambda _: None),
    ):
        pass


def test_a_format_that_no_server_here_reads_proves_nothing(
    source: tuple[str, Path], tmp_path: Path
) -> None:
    with (
        pytest.raises(NoServer, match="RDB-Format 99"),
        loaded(copy(source[1], tmp_path, b"REDIS0099"), deadline=20, watch=lambda _: None),
    ):
        pass


def test_an_export_that_does_not_load_in_time_fails_the_run(
    source: tuple[str, Path], tmp_path: Path
) -> None:
    with (
        pytest.raises(RunFailed, match="dauert länger als 0 s"),
        loaded(copy(source[1], tmp_path), deadline=0, watch=lambda _: None),
    ):
        pass
