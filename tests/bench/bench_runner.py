"""`leitstand run` beside plain `papermill`: wall time of both commands on trivial notebooks.

Both run alternately on the same notebook, each from process start to end. Exit code 1 when a
ratio of the medians is above its target.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 5
TARGETS = {20: 0.8, 220: 0.3}


def notebook(path: Path, cells: int) -> Path:
    """Write a notebook of so many trivial code cells."""
    code = [
        {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "outputs": [],
         "execution_count": None, "source": f"print({number})"}
        for number in range(cells)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    content = {"cells": code, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))
    return path


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Run the command and return its wall time."""
    begin = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    return time.perf_counter() - begin


def compare(directory: Path, cells: int) -> float:
    """Print the medians for a notebook of so many cells and return their ratio."""
    path = notebook(directory / f"trivial-{cells}.ipynb", cells)
    scripts = Path(sys.executable).parent
    env = {**os.environ, "LEITSTAND_HOME": str(directory)}
    ours = [str(scripts / "leitstand"), "run", str(path)]
    theirs = [str(scripts / "papermill"), str(path), str(directory / "out.ipynb")]
    seconds(ours, env), seconds(theirs, env)  # once, so that both find compiled files
    pairs = [(seconds(ours, env), seconds(theirs, env)) for _ in range(ROUNDS)]
    mine, plain = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(
        f"{cells:4} cells: leitstand {mine:.2f} s, papermill {plain:.2f} s, "
        f"ratio {mine / plain:.2f} (target {TARGETS[cells]})"
    )
    return mine / plain


def main() -> int:
    """Compare for every size."""
    with tempfile.TemporaryDirectory(prefix="leitstand-") as directory:
        ratios = {cells: compare(Path(directory), cells) for cells in TARGETS}
    return int(any(ratio > TARGETS[cells] for cells, ratio in ratios.items()))


if __name__ == "__main__":
    sys.exit(main())
