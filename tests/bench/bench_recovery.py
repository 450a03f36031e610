"""A clone through the API beside the same recovery with PostgreSQL's own tools: wall time.

Both recover the same base backup and the same archived log to the same time, alternately: the API
from the call until the operation is DONE, the tools from `cp` of the base backup until the server
is ready. Sizes are rows of `vector(384)`. Exit code 1 when a ratio of the medians is above target.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from leitstand.sandbox import control
from leitstand.sandbox.sql.binaries import ACCOUNT, guarded, program
from tests.fixtures.cloud_sql import SEED, CloudSql

ROUNDS = {5_000: 9, 200_000: 5}
TARGET = 1.3
FILL = """
    INSERT INTO documents (embedding)
    SELECT (
        SELECT array_agg(random() + 0 * dimension * row)::vector
        FROM generate_series(1, 384) AS dimension
    )
    FROM generate_series(1, {rows}) AS row
"""


def through_the_api(cloud: CloudSql, at: datetime, name: str) -> float:
    """Clone and return the seconds until the operation is DONE."""
    begin = time.perf_counter()
    cloud.done(cloud.clone(name, at), seconds=120)
    return time.perf_counter() - begin


def with_the_tools(base: Path, archive: Path, at: datetime, place: Path) -> float:
    """Copy, configure, recover and return the seconds until the server is ready."""
    data = place / "data"
    begin = time.perf_counter()
    subprocess.run(["cp", "-a", str(base), str(data)], check=True)
    (data / "postgresql.conf").write_text(
        f"""
        listen_addresses = ''
        unix_socket_directories = '{place}'
        shared_buffers = 16MB
        fsync = off
        hot_standby = off
        max_wal_senders = 6
        max_wal_size = 256MB
        wal_recycle = off
        restore_command = 'cp {archive}/%f "%p"'
        recovery_target_time = '{at.isoformat()}'
        recovery_target_timeline = 'current'
        recovery_target_action = 'promote'
        """
    )
    (data / "recovery.signal").touch()
    with open(place / "log", "wb") as log:
        server = subprocess.Popen(
            guarded((program("postgres"), "-D", str(data))), stdout=log, stderr=log, cwd="/"
        )
    pid_file = data / "postmaster.pid"
    while not (pid_file.exists() and "ready" in pid_file.read_text()):
        if server.poll() is not None:
            raise RuntimeError((place / "log").read_text())
        time.sleep(0.005)
    taken = time.perf_counter() - begin
    server.terminate()
    server.wait()
    return taken


def measure(cloud: CloudSql, rows: int, scratch: Path) -> float:
    """Fill the table, measure both ways and return the ratio of their medians."""
    cloud.ask("CREATE EXTENSION IF NOT EXISTS vector")
    cloud.ask("DROP TABLE IF EXISTS documents")
    cloud.ask("CREATE TABLE documents (id serial PRIMARY KEY, embedding vector(384))")
    cloud.ask(FILL.format(rows=rows))
    cloud.done(cloud.backups.insert(request=cloud.on()), seconds=120)
    # A little log to replay after the backup, too.
    cloud.ask(FILL.format(rows=rows // 10))
    at = cloud.now().astimezone(UTC)
    cloud.delete(cloud.cloned(at))
    newest = max(run.id for run in cloud.backups.list(request=cloud.on()).items)
    base, archive = cloud.files() / "backups" / str(newest), cloud.files() / "archive"
    api, tools = [], []
    for number in range(ROUNDS[rows]):
        api.append(through_the_api(cloud, at, f"bench-{number}"))
        if number == 0:
            found = cloud.ask("SELECT count(*) FROM documents", f"bench-{number}")
            assert found == [(rows + rows // 10,)]
        cloud.delete(f"bench-{number}")
        place = scratch / "tools"
        place.mkdir()
        if ACCOUNT:
            os.chown(place, ACCOUNT, ACCOUNT)
        tools.append(with_the_tools(base, archive, at, place))
        shutil.rmtree(place)
    ratio = statistics.median(api) / statistics.median(tools)
    print(
        f"{rows:7} rows: API {statistics.median(api):.3f} s · tools "
        f"{statistics.median(tools):.3f} s · ratio {ratio:.2f} (target ≤ {TARGET}), "
        f"{ROUNDS[rows]} rounds"
    )
    return ratio


def main() -> int:
    """Measure all sizes in a sandbox of its own."""
    with tempfile.TemporaryDirectory(prefix="leitstand-bench-") as place:
        scratch = Path(place)
        # The tools' server runs under another account, where this is root's.
        scratch.chmod(0o755)
        sandbox = control.start(scratch / "sandbox", SEED, lifeline=True)
        (scratch / "sandbox").chmod(0o711)
        (scratch / "sandbox" / "sql").chmod(0o711)
        try:
            cloud = CloudSql(sandbox)
            for directory in (cloud.files(), cloud.files().parent):
                directory.chmod(0o755)
            ratios = [measure(cloud, rows, scratch) for rows in ROUNDS]
        except psycopg.Error as error:
            print(f"The database refused: {error}")
            return 2
        finally:
            sandbox.stop()
    return int(any(ratio > TARGET for ratio in ratios))


if __name__ == "__main__":
    sys.exit(main())
