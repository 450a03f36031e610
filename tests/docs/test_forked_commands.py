"""Commands as forks of a process that has the imports done: as if each had been started alone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.docs.referenced import ROOT, hook

forked = hook("forked_commands")


@pytest.fixture(scope="module")
def commands() -> Iterator[Any]:
    commands = forked.Commands()
    yield commands
    commands.close()


def environment(home: Path, **more: str) -> dict[str, str]:
    own = {"LEITSTAND_HOME": str(home), "LEITSTAND_PROJECT": str(ROOT)}
    return {"PATH": os.environ["PATH"], **own, **more}


def test_a_command_has_its_own_code_words_variables_and_directory(commands: Any, tmp_path: Path):
    ended = commands.run(["show", "release"], ROOT, environment(tmp_path), 60)
    assert (0, "") == (ended.code, ended.problems)
    assert "image" in ended.output
    refused = commands.run(["run", "relase"], ROOT, environment(tmp_path), 60)
    assert (2, "") == (refused.code, refused.output)
    assert "relase" in refused.problems
    nowhere = environment(tmp_path, LEITSTAND_PROJECT=str(tmp_path / "fehlt"))
    lost = commands.run(["show", "release"], tmp_path, nowhere, 60)
    assert 0 != lost.code
    assert str(tmp_path / "fehlt") in lost.problems
    assert ended == commands.run(["show", "release"], ROOT, environment(tmp_path), 60)


def test_a_command_that_is_not_to_go_on_is_ended_and_the_next_one_works(
    commands: Any, tmp_path: Path
):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with pytest.raises(forked.NotEnded):
        commands.run(["rehearse"], ROOT, environment(tmp_path), 60, lambda: True)
    assert before >= {child.pid for child in psutil.Process().children(recursive=True)}
    assert 0 == commands.run(["show", "release"], ROOT, environment(tmp_path), 60).code


def test_a_run_that_is_refused_leaves_no_kernel(commands: Any, tmp_path: Path):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    ended = commands.run(
        ["run", "release", "-p", "gibt_es_nicht=1"], ROOT, environment(tmp_path), 60
    )
    assert 2 == ended.code
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    assert [] == psutil.wait_procs(left, timeout=10)[1]
