"""A provisioning as a process that a test can kill: plan and apply, or go on with it."""

import sys
from pathlib import Path

from leitstand.execution.history import History
from tests.execution.provisioned import Provisioning, network, secret, subnetwork

WANTED = (
    network("netz"),
    subnetwork("eins", "netz", ipCidrRange="10.7.1.0/24"),
    subnetwork("zwei", "netz", ipCidrRange="10.7.2.0/24"),
    *secret("wert"),
)


def main(grpc: str, rest: str, journal: Path) -> None:
    run = Provisioning(grpc, rest, journal)
    plan = History.read(run.journal).plan or run.plan(WANTED)
    outcome = run.schedule(plan, WANTED).run(7)
    assert set(outcome.done) == {one.key for one in WANTED}
    run.journal.append("run.completed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
