"""No file of the project names a place on the machine it was written on."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_no_file_names_this_checkout_or_this_home():
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    places = [f"{ROOT}/".encode(), f"{Path.home()}/".encode()]
    found = [
        name
        for name in listed
        if name and (ROOT / name).is_file() and any(p in (ROOT / name).read_bytes() for p in places)
    ]
    assert [] == found
