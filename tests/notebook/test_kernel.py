"""The kernel process and its end."""

import stat
import time
from pathlib import Path

import pytest

from leitstand.notebook.kernel import Kernel, KernelNotStarted, start_kernel
from leitstand.notebook.run_directory import RunDirectory


@pytest.fixture
def kernel(tmp_path: Path):
    kernel = start_kernel(RunDirectory(tmp_path), tmp_path, {})
    yield kernel
    kernel.close(grace=0.1)


def test_its_key_is_private_and_gone_afterwards(kernel: Kernel):
    file = kernel.directory / "connection.json"
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    kernel.close(grace=0.1)
    assert not kernel.directory.exists()
    assert not kernel.alive()


def test_it_ends_with_its_lifeline(kernel: Kernel):
    time.sleep(0.1)
    kernel.lifeline.close()
    assert kernel.wait(5)
    assert not kernel.directory.exists()


def test_closing_twice_is_harmless(kernel: Kernel):
    kernel.close(grace=0.1)
    kernel.close(grace=0.1)


def test_a_kernel_that_does_not_start_is_explained_by_its_last_words():
    error = KernelNotStarted("Traceback\nModuleNotFoundError: No module named 'x'\n")
    assert "ModuleNotFoundError: No module named 'x'" in error.message
    assert 4 == error.exit_code
