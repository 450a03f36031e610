"""The image cannot be built here; that what it says is there and locked can be read."""

import json
import re
import tomllib
from pathlib import Path

from leitstand.notebook.provenance import COMMIT_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "lib" / "Containerfile").read_text("utf-8").replace("\\\n", " ")
LINES = [line.strip() for line in TEXT.splitlines() if line.strip() and line[0] != "#"]
LOCK = (ROOT / "lib" / "requirements.lock").read_text("utf-8")


def lines(word: str) -> list[str]:
    return [line.removeprefix(word).strip() for line in LINES if line.startswith(f"{word} ")]


def test_every_path_that_it_copies_from_the_project_exists():
    copied = [line.split()[:-1] for line in lines("COPY") if not line.startswith("--from")]
    assert {"lib/requirements.lock", "lib", "config", "runbooks"} == {p for c in copied for p in c}
    assert [] == [path for paths in copied for path in paths if not (ROOT / path).exists()]


def test_it_installs_the_lock_by_hash_and_nothing_else_from_an_index():
    installs = [line for line in lines("RUN") if "pip install" in line]
    by_hash = [line for line in installs if "--require-hashes -r lib/requirements.lock" in line]
    assert 1 == len(by_hash)
    others = [line for line in installs if line not in by_hash]
    assert all({"--no-index", "--no-deps"} <= set(line.split()) for line in others)
    assert not re.search(r"\b(curl|wget|git|apt-get|pip download)\b", TEXT)


def test_the_lock_has_what_builds_the_package_without_an_index():
    backend = tomllib.loads((ROOT / "lib" / "pyproject.toml").read_text("utf-8"))["build-system"]
    for wanted in (*backend["requires"], "editables"):
        assert re.search(rf"^{wanted}==", LOCK, re.MULTILINE)


def test_its_bases_are_pinned_by_digests_that_somebody_has_to_give():
    assert ["BASE_DIGEST", "VALKEY_DIGEST", "COMMIT"] == lines("ARG")
    bases = {line.split()[0] for line in lines("FROM")}
    python = "docker.io/library/python:3.12-slim@${BASE_DIGEST}"
    assert {python, "docker.io/valkey/valkey:8@${VALKEY_DIGEST}"} == bases


def test_it_tells_runs_the_commit_that_it_was_built_from():
    (set_,) = lines("ENV")[-1:]
    assert f"{COMMIT_VARIABLE}=${{COMMIT}}" in set_.split()


def test_a_server_that_reads_what_production_writes_is_there_to_prove_a_snapshot():
    assert "--from=valkey /usr/local/bin/valkey-server /usr/local/bin/valkey-server" in lines(
        "COPY"
    )


def test_it_runs_the_command_as_nobody_special():
    (user,) = lines("USER")
    assert user.isdecimal()
    assert int(user) > 0
    (entry,) = lines("ENTRYPOINT")
    assert ["leitstand"] == json.loads(entry)
