"""All checks of ``leitstand doctor`` at once, with one deadline."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leitstand import project
from leitstand.cli.checks.children import (
    Child,
    check_environment,
    check_kernel,
    environment_child,
    kernel_child,
)
from leitstand.cli.checks.keeping import check_directory, check_key
from leitstand.cli.checks.machine import check_python, check_sandbox, check_state_directory
from leitstand.cli.checks.packages import check_packages
from leitstand.configuration import read_layers
from leitstand.core.doctor.finding import Finding
from leitstand.core.doctor.target import Target, target_of
from leitstand.core.errors import LeitstandError
from leitstand.core.layers import merge

if TYPE_CHECKING:
    from leitstand.cloud.pulse import Pulse

__all__ = ["examine"]

_SECONDS: Final = 1.75
"""From the start of this process, so that the command takes two seconds, its output included."""
_LEAST: Final = 1.0
"""For the checks in any case, also where this process has run for longer."""


def examine(env: str, seconds: float | None = None) -> list[Finding]:
    """Return the findings for one environment, in the order in which they matter.

    Reads only. For the sandbox no credential is read, and nothing outside this machine is asked.

    Args:
        env: Name of the environment.
        seconds: After this time nothing is waited for, and what is missing says so; when left
            out, what remains of two seconds since this process was started.
    """
    left = max(_LEAST, _SECONDS - _age()) if seconds is None else seconds
    until = time.monotonic() + left
    kernel = kernel_child()
    try:
        root = project.project_root()
    except LeitstandError as error:
        here = [check_python(), Finding("Projekt", "bad", error.message, error.advice)]
        return [*here, check_kernel(kernel, until)]
    try:
        target, problem = target_of(env, merge(*read_layers(env))), None
    except LeitstandError as error:
        target, problem = None, Finding("Umgebung", "bad", error.message, error.advice)
    model = environment_child(env) if target is not None else None
    pulse = _pulse(target, until) if target is not None and env != "sandbox" else None
    first = [check_python(), check_packages(root)]
    place = [Finding("Projekt", "good", str(root)), check_state_directory()]
    rest = list(_kept(target, place[-1])) if target is not None else []
    if pulse is not None:
        pulse.wait()
    findings = [*first, check_kernel(kernel, until), *place]
    findings.append(problem or check_environment(env, _given(model), until))
    if env == "sandbox":
        findings.append(check_sandbox())
    elif target is not None and pulse is not None:
        from leitstand.cli.checks.google import judge_pulse

        findings += judge_pulse(target, pulse, _home())
    return [*findings, *rest]


def _age() -> float:
    """Return for how many seconds this process has been there (proc(5)); 0 where none tells."""
    try:
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0
    return up - started / os.sysconf("SC_CLK_TCK")


def _pulse(target: Target, until: float) -> "Pulse":
    from leitstand.cloud.pulse import Pulse

    return Pulse(target, until)


def _kept(target: Target, state: Finding) -> Iterator[Finding]:
    """Yield what keeps records and locks here; without a place for state, that was said."""
    if state.state == "bad":
        return
    if target.name == "sandbox":
        yield check_directory("Sperren", Path(target.locks) if target.locks else _home() / "locks")
        records = Path(target.records) if target.records else _home() / "records"
        yield check_directory("Belege", records)
    yield check_key(target)


def _home() -> Path:
    try:
        return project.state_directory()
    except OSError:
        return Path.home()


def _given(model: Child | None) -> Child:
    assert model is not None
    return model
