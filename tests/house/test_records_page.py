"""The page about records: an auditor who types what stands there finds every change."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.audit.sealed import Archive, overwrite

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "betrieb" / "nachweise.md").read_text("utf-8")
BLOCKS = re.findall(
    r"```sh\n(.*?)```", PAGE.partition("## Von Hand prüfen")[2].partition("\n## ")[0], re.DOTALL
)
KEY, ONE, CHAIN = BLOCKS[0], "".join(BLOCKS[1:5]), BLOCKS[5]

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "jq", "openssl", "sha256sum"))),
    reason="needs bash, jq, openssl and sha256sum",
)

Auditor = Callable[[str], tuple[int, str]]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    (tmp_path / "ours").mkdir()
    archive = Archive(tmp_path / "ours").filled(3)
    (tmp_path / "archiv").symlink_to(archive.store.path)
    return archive


@pytest.fixture
def auditor(archive: Archive, tmp_path: Path) -> Auditor:
    def types(script: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout

    code, _ = types(re.sub(r'echo "[^"]*"', f'echo "{archive.signer.public.text}"', KEY))
    assert 0 == code
    return types


def test_openssl_accepts_a_record_and_its_files(auditor: Auditor):
    code, told = auditor(f"set -e\n{ONE}")
    assert (0, "Signature Verified Successfully") == (code, told.splitlines()[0])
    assert ["OK", "OK"] == [line.rpartition(" ")[2] for line in told.splitlines()[1:]]


def test_a_whole_chain_is_told_by_its_head_alone(archive: Archive, auditor: Auditor):
    head = archive.verify().head
    assert f"Ende der Kette: {head.seq}:{head.digest}\n" == auditor(CHAIN)[1]


def _other_byte(path: Path) -> None:
    content = path.read_bytes()
    at = len(content) // 2
    overwrite(path, content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def _swapped(archive: Archive) -> None:
    first, second = archive.record(1).read_bytes(), archive.record(2).read_bytes()
    overwrite(archive.record(1), second)
    overwrite(archive.record(2), first)


CHANGES: dict[str, Callable[[Archive], None]] = {
    "a byte of a record": lambda archive: _other_byte(archive.record(2)),
    "a byte of a file": lambda archive: _other_byte(archive.files[0]),
    "a record that is gone": lambda archive: archive.record(1).unlink(),
    "a file that is gone": lambda archive: archive.files[0].unlink(),
    "two records in each other's place": _swapped,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_loop_names_every_change(
    archive: Archive, auditor: Auditor, change: Callable[[Archive], None]
):
    change(archive)
    assert "✗ archiv/chain/" in auditor(CHAIN)[1]
