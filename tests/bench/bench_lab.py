"""From `leitstand lab` to a JupyterLab that serves the runbooks, beside JupyterLab's own command.

Both serve the same templates on loopback without a browser, and are measured alternately from the
process to the first listing that the server gives. Processor times are those of the server with
all that it started, until it has ended.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.docs.opened_lab import answered

ROUNDS = 5
ROOT = Path(__file__).resolve().parents[2]
OURS = ["-m", "leitstand", "lab", "--no-browser"]
PEER = [
    "-m", "jupyterlab", "--no-browser", "--ServerApp.port=0", "--allow-root",
    f"--ServerApp.root_dir={ROOT / 'runbooks'}",
]  # fmt: skip


def served(arguments: list[str]) -> tuple[float, float]:
    """Return the seconds to the first listing, and those of the processor in all."""
    with tempfile.TemporaryDirectory(prefix="ls-", dir="/tmp") as place:
        environment = {
            **os.environ, "LEITSTAND_HOME": f"{place}/home", "LEITSTAND_PROJECT": str(ROOT),
            "JUPYTER_RUNTIME_DIR": f"{place}/runtime", "JUPYTER_CONFIG_DIR": f"{place}/config",
        }  # fmt: skip
        before, begin = _processor(), time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            if not answered(Path(place) / "runtime", process, {"release.ipynb"}):
                raise SystemExit("JupyterLab did not start, or serves something else")
            seconds = time.perf_counter() - begin
        finally:
            process.terminate()
            process.wait()
        return seconds, _processor() - before


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Compare both and print the ratios."""
    served(OURS), served(PEER)  # once, so that both find compiled files
    pairs = [(served(OURS), served(PEER)) for _ in range(ROUNDS)]
    for number, name in enumerate(("first listing", "processor time")):
        ours = statistics.median(mine[number] for mine, _ in pairs)
        peer = statistics.median(other[number] for _, other in pairs)
        print(f"{name}: ours {ours:.2f} s, JupyterLab's own {peer:.2f} s, ratio {ours / peer:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
