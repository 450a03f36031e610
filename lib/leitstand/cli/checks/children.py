"""What is checked by processes of their own, since it imports for most of a second."""

import json
import subprocess
import sys
import time
from typing import Final

from leitstand.core.doctor.finding import LONGER, Finding

__all__ = ["Child", "check_environment", "check_kernel", "environment_child", "kernel_child"]

_KERNEL: Final = "import ipykernel.kernelapp, leitstand.notebook.kernel_main"
_ENVIRONMENT: Final = """
import json, sys
from leitstand.configuration import load_environment
from leitstand.core.errors import LeitstandError
try:
    load_environment(sys.argv[1])
except LeitstandError as error:
    json.dump([error.message, error.advice], sys.stdout)
"""
_AT_LEAST: Final = 0.05
"""Seconds in which one that has ended long ago is noticed."""
_BEHIND: Final = "import os; os.nice(5)\n"
"""What is asked of Google goes first, where there are few processors."""
_SLOW: Final = f"Prüfen Sie die Last dieses Rechners. {LONGER}"


class Child:
    """A Python process that runs a few lines; it is killed when it is waited for no longer."""

    def __init__(self, program: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BEHIND + program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def output(self, until: float) -> tuple[int, str] | None:
        """Return exit code and output; None when it has not ended by a monotonic time."""
        try:
            output, _ = self._process.communicate(timeout=max(_AT_LEAST, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return None
        return self._process.returncode, output.decode("utf-8", "replace")


def kernel_child() -> Child:
    """Start to import what a kernel imports."""
    return Child(_KERNEL)


def environment_child(env: str) -> Child:
    """Start to check an environment file with its model."""
    return Child(_ENVIRONMENT, env)


def check_kernel(child: Child, until: float) -> Finding:
    """Return whether a kernel would start."""
    ended = child.output(until)
    if ended is None:
        return Finding("Kernel", "warn", "lädt langsam", _SLOW)
    if ended[0]:
        advice = "Führen Sie python3 -m nox -s rehearse aus, es installiert die Pakete neu."
        return Finding("Kernel", "bad", "lädt nicht", advice)
    return Finding("Kernel", "good", "lädt")


def check_environment(env: str, child: Child, until: float) -> Finding:
    """Return whether an environment file can be used."""
    ended = child.output(until)
    if ended is None:
        return Finding("Umgebung", "warn", f"{env}: nicht in der Zeit geprüft", _SLOW)
    if ended[0]:
        advice = "Führen Sie python3 -m nox -s rehearse aus, es installiert die Pakete neu."
        return Finding("Umgebung", "bad", f"{env}: die Prüfung lädt nicht", advice)
    if ended[1]:
        message, advice = json.loads(ended[1])
        return Finding("Umgebung", "bad", message, advice)
    return Finding("Umgebung", "good", env)
