"""A release under load: requests lost, and the observed split against the wanted one.

Prints requests sent, answered and failed, per revision, and for each stage how far the observed
share lies from the wanted one, in standard errors of a binomial count.
"""

import math
import os
import tempfile
import time
from pathlib import Path

from leitstand.audit.journal import Journal
from leitstand.configuration import load_environment
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.runner import run_notebook
from leitstand.notebook.template import find_template, read_template
from leitstand.project import project_root, runbooks_directory, runs_directory
from leitstand.sandbox import control
from tests.fixtures.seeds import provisioned_seed


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="leitstand-") as home:
        os.environ["LEITSTAND_HOME"] = home
        os.environ["LEITSTAND_SANDBOX"] = f"{home}/sandbox"
        began = time.monotonic()
        directory = Path(home) / "sandbox"
        seed = provisioned_seed(load_environment("sandbox"))
        sandbox = control.start(directory, seed, lifeline=True)
        try:
            print(f"sandbox ready after {time.monotonic() - began:.2f} s")
            for image in ("web:1.1.0", "web:1.2.0-errors"):
                release(image)
        finally:
            sandbox.stop()


def release(image: str) -> None:
    """Release one image and print what became of the requests."""
    template = read_template(find_template("release", runbooks_directory()))
    given = {"image": image, "apply": True}
    result = run_notebook(template, given, runs_directory(), project=project_root())
    journal = RunDirectory(Path(result.directory)).journal
    print(f"\n{image}: {result.status} after {result.duration:.1f} s")
    report(journal)


def report(journal: Journal) -> None:
    """Print the load client's figures and the split of every stage."""
    for event in journal:
        if event["event"] == "load":
            load = event["report"]
            assert isinstance(load, dict)
            print(f"  sent {load['sent']}, answered {load['answered']}, failed {load['failed']}")
            for revision, counts in load["by_revision"].items():
                print(f"    {revision}: {counts['answered']}, of them 5xx {counts['errors']}")
    for event in journal:
        if event["event"] != "verdict" or "candidate" not in event:
            continue
        stage, candidate, stable = event["stage"], event["candidate"], event["stable"]
        assert isinstance(candidate, dict)
        assert isinstance(stable, dict)
        wanted = int(str(stage)) / 100
        if wanted == 1:  # the stable sample is that of the stage before
            continue
        total = candidate["requests"] + stable["requests"]
        seen = candidate["requests"] / total if total else math.nan
        error = math.sqrt(wanted * (1 - wanted) / total) if total else math.nan
        print(
            f"  stage {stage} %: observed {100 * seen:.1f} % of {total} requests,"
            f" {abs(seen - wanted) / error:.2f} standard errors off"
        )


if __name__ == "__main__":
    main()
