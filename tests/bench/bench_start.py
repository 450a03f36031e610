"""From `leitstand run` to the first step's output, beside the bare start of a kernel.

The bare start is that of ``python -m ipykernel_launcher``, from the process to the kernel's first
answer. The run is measured from the process to the moment at which the journal holds the first
output of a cell: of a trivial notebook, and of the runbook ``release`` in a sandbox that runs,
where the first output is the head of the run. Both are measured alternately; exit code 1 when a
ratio of the medians is above its target.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.bench.bench_runner import notebook

ROUNDS = 5
TARGET = 1.5
ROOT = Path(__file__).resolve().parents[2]
LEITSTAND = [sys.executable, "-m", "leitstand"]


def bare(directory: Path) -> float:
    """Return the seconds from a kernel's process to its first answer."""
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.connect import write_connection_file

    file = directory / f"bare-{time.monotonic_ns()}.json"
    write_connection_file(str(file), transport="ipc", ip=str(file.with_suffix("")))
    begin = time.perf_counter()
    kernel = subprocess.Popen(
        [sys.executable, "-m", "ipykernel_launcher", "-f", str(file)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels(stdin=False, hb=False)
    try:
        client.kernel_info(reply=True, timeout=60)
        return time.perf_counter() - begin
    finally:
        client.stop_channels()
        kernel.kill()
        kernel.wait()


def first_output(directory: Path, runbook: str) -> float:
    """Return the seconds from the process of a run to the first output in its journal."""
    runs = directory / "runs"
    before = set(runs.iterdir()) if runs.is_dir() else set()
    environment = {**os.environ, "LEITSTAND_HOME": str(directory), "LEITSTAND_PROJECT": str(ROOT)}
    begin = time.time()
    subprocess.run(
        [*LEITSTAND, "run", runbook, "--json"], env=environment, check=True, capture_output=True
    )
    (run,) = set(runs.iterdir()) - before
    for line in (run / "journal.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "cell.completed" and event["outputs"]:
            return datetime.fromisoformat(str(event["at"])).timestamp() - begin
    raise SystemExit(f"{run} has no output")


def compare(directory: Path, runbook: str, name: str) -> float:
    """Print the medians for a runbook and return their ratio."""
    first_output(directory, runbook), bare(directory)  # once, so that both find compiled files
    pairs = [(first_output(directory, runbook), bare(directory)) for _ in range(ROUNDS)]
    run, kernel = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(
        f"{name}: first output {run:.2f} s, bare kernel {kernel:.2f} s, "
        f"ratio {run / kernel:.2f} (target {TARGET})"
    )
    return run / kernel


def main() -> int:
    """Compare for both notebooks."""
    with tempfile.TemporaryDirectory(prefix="ls-", dir="/tmp") as place:
        directory = Path(place)
        environment = {**os.environ, "LEITSTAND_HOME": place, "LEITSTAND_PROJECT": str(ROOT)}
        ratios = [compare(directory, str(notebook(directory / "trivial.ipynb", 1)), "trivial")]
        subprocess.run([*LEITSTAND, "sandbox", "up"], env=environment, check=True)
        try:
            ratios.append(compare(directory, "release", "release"))
        finally:
            subprocess.run([*LEITSTAND, "sandbox", "down"], env=environment, check=True)
    return int(any(ratio > TARGET for ratio in ratios))


if __name__ == "__main__":
    sys.exit(main())
