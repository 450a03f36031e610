"""From an empty sandbox to a provisioned one, and a look at it that changes nothing: wall time.

The peer of the look is the same observation with one call after the other. Exit code 1 when a
figure is above its target: 15 s to provision, 2 s to observe and plan, on 2 cores.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

from leitstand.cloud.connection import Connection
from leitstand.cloud.resources import Resources
from leitstand.configuration import load_environment
from leitstand.execution.provisioning import Provisioner
from leitstand.sandbox import control

ROUNDS = 3
PROVISION, LOOK = 15.0, 2.0


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds the work took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def provision(home: str) -> tuple[float, control.Sandbox]:
    """Start a sandbox in ``home`` and provision it; return the seconds, and the sandbox."""
    os.environ["LEITSTAND_HOME"] = home
    os.environ["LEITSTAND_SANDBOX"] = f"{home}/sandbox"
    from leitstand.notebook.sandboxes import start_sandbox

    began = time.perf_counter()
    sandbox = start_sandbox(lifeline=True)
    return time.perf_counter() - began, sandbox


def look(provisioner: Provisioner) -> int:
    """Observe and plan; return how many API calls that took. There must be nothing to do."""
    seen = provisioner.observe()
    assert not provisioner.plan(seen).plan.actions
    return seen.calls


def one_by_one(connection: Connection, provisioner: Provisioner) -> float:
    """Return the seconds that the same reads take one after the other."""
    wanted, reader = provisioner.observe().resources, Resources(connection)
    began = time.perf_counter()
    for resource in wanted:
        reader.read(resource.kind, resource.name, resource.body)
    return time.perf_counter() - began


def main() -> int:
    environment = load_environment("sandbox")
    whole: list[float] = []
    first: list[float] = []
    again: list[float] = []
    serial: list[float] = []
    calls = 0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="leitstand-") as home:
            seconds, sandbox = provision(home)
            whole.append(seconds)
            try:
                connection = Connection(environment, sandbox.grpc, sandbox.rest)
                provisioner = Provisioner(connection)
                first.append(timed(partial(look, provisioner)))
                again.append(timed(partial(look, provisioner)))
                calls = look(provisioner)
                serial.append(one_by_one(connection, provisioner))
            finally:
                sandbox.stop()
    print(f"empty to provisioned, with schema and sample rows: {_figures(whole)} s")
    print(f"observe and plan everything, first time:           {_figures(first)} s")
    print(f"observe and plan everything, again:                {_figures(again)} s, {calls} calls")
    ratio = statistics.median(again) / statistics.median(serial)
    print(f"the same calls one after the other:                {_figures(serial)} s ({ratio:.2f})")
    return int(statistics.median(whole) > PROVISION or statistics.median(first) > LOOK)


def _figures(values: list[float]) -> str:
    return f"{min(values):5.2f} {statistics.median(values):5.2f} {max(values):5.2f}"


if __name__ == "__main__":
    sys.exit(main())
