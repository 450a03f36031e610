"""JupyterLab on working copies."""

import stat
import sys
from pathlib import Path

from leitstand.cli.lab import lab_command, working_copy

NOTEBOOKS = Path(__file__).parents[1] / "notebook" / "notebooks"


def test_templates_are_copied_so_that_they_stay_clean(tmp_path: Path):
    copy = working_copy([NOTEBOOKS / "sound.ipynb"], tmp_path / "lab")
    assert (NOTEBOOKS / "sound.ipynb").read_bytes() == (copy / "sound.ipynb").read_bytes()
    assert 0o700 == stat.S_IMODE(copy.stat().st_mode)
    assert copy != working_copy([], tmp_path / "lab")


def test_it_serves_loopback_only_and_opens_the_runbook(tmp_path: Path):
    command = lab_command(tmp_path, tmp_path / "release.ipynb", browser=False, port=0)
    assert [sys.executable, "-m", "leitstand.notebook.lab_main"] == command[:3]
    assert "--ServerApp.ip=127.0.0.1" in command
    assert "--LabApp.default_url=/lab/tree/release.ipynb" in command
    assert not any("token" in part for part in command)
