"""Runs that end are sealed, whatever becomes of the store, and however they were started."""

import os
from pathlib import Path

import pytest

from leitstand.audit.records import read_record, unsealed_runs
from leitstand.audit.sealing import seal_run
from leitstand.audit.sealing_all import seal_all
from leitstand.audit.sealing_errors import StoreUnreachable
from leitstand.audit.signing import FileSigner
from leitstand.audit.store_directory import DirectoryStore
from leitstand.audit.verification import verify_store
from leitstand.core.records.statement import Statement
from leitstand.notebook.conclusion import Result
from leitstand.notebook.kernel_process import KEY_VARIABLE
from leitstand.notebook.managed_run import hold_run
from leitstand.notebook.record_signer import own_signer
from leitstand.notebook.run_directory import RunDirectory
from leitstand.notebook.runner import run_notebook
from leitstand.notebook.sealed import seal_ended
from leitstand.notebook.template import read_template
from leitstand.project import runs_directory
from tests.audit.sealed import make_run
from tests.notebook.test_engine import papermill

NOTEBOOKS = Path(__file__).parent / "notebooks"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    return tmp_path


def run(name: str) -> Result:
    return run_notebook(read_template(NOTEBOOKS / f"{name}.ipynb"), {}, runs_directory())


def record(store: DirectoryStore, seq: int) -> Statement:
    return read_record(store.read(seq))


def intact(home: Path) -> bool:
    public = own_signer().public
    return not verify_store(DirectoryStore(home / "records"), {public.id: public}).findings


def test_a_run_that_ends_is_in_the_chain_with_its_notebook_and_its_commit(home: Path) -> None:
    ended = run("sound")
    assert (1, "") == (ended.record, ended.unsealed)
    found = record(DirectoryStore(home / "records"), 1)
    names = {subject.name for subject in found.subjects}
    assert {"journal.jsonl", "notebook.ipynb", "run.json"} <= names
    assert (ended.run, "completed", 0) == tuple(
        found.facts[name] for name in ("run", "status", "exit_code")
    )
    assert found.facts["leitstand_version"]
    assert intact(home)


def test_a_run_that_fails_is_sealed_too_and_the_chain_goes_on(home: Path) -> None:
    assert [1, 2] == [run("sound").record, run("raises_an_error").record]
    assert "failed" == record(DirectoryStore(home / "records"), 2).facts["status"]
    assert intact(home)


def test_plain_papermill_seals(tmp_path: Path) -> None:
    code, _, _ = papermill(tmp_path, "sound")
    assert 0 == code
    assert 1 == DirectoryStore(tmp_path / "records").head()


def test_a_store_that_cannot_be_reached_changes_no_run_and_gets_the_record_later(
    home: Path,
) -> None:
    (home / "records").write_text("in the way")
    ended = run("sound")
    assert ("completed", 0, 0) == (ended.status, ended.exit_code, ended.record)
    assert "nicht" in ended.unsealed
    (home / "records").unlink()
    store = DirectoryStore(home / "records")
    attempts = list(seal_all(runs_directory(), lambda env: store, own_signer()))
    assert [(ended.run, 1, "")] == [(one.run, one.seq, one.error) for one in attempts]
    assert intact(home)


def test_the_next_run_sends_what_was_kept_and_leaves_alone_what_runs_again(home: Path) -> None:
    (home / "records").write_text("in the way")
    first, second = run("sound"), run("sound")
    (home / "records").unlink()
    hold = hold_run(RunDirectory(Path(second.directory)))
    assert 1 == run("sound").record
    os.close(hold)
    store = DirectoryStore(home / "records")
    assert 2 == store.head()
    assert first.run == record(store, 2).facts["run"]
    assert 3 == run("sound").record
    assert second.run == record(store, 4).facts["run"]
    assert intact(home)


def kept(home: Path, name: str, **made: str) -> Path:
    """Make a run whose record no store took."""
    nowhere = home / "nowhere"
    nowhere.touch()
    directory = make_run(runs_directory(), name, **made)
    with pytest.raises(StoreUnreachable):
        seal_run(directory, DirectoryStore(nowhere), own_signer(), crashed=True)
    return directory


def test_a_run_without_an_environment_sends_no_record_of_another_environment(home: Path) -> None:
    of_prod = kept(home, "of-prod", env="prod")
    kept(home, "of-none", env="")
    assert 1 == seal_ended(make_run(runs_directory(), "now", env=""), "").seq
    store = DirectoryStore(home / "records")
    assert [2, "of-none"] == [store.head(), record(store, 2).facts["run"]]
    assert [of_prod] == unsealed_runs(runs_directory())
    assert intact(home)


def test_the_kept_record_of_a_run_that_crashed_is_sent_and_one_under_way_waits(home: Path) -> None:
    kept(home, "crashed", end="")
    goes_on = kept(home, "goes-on", end="")
    hold = hold_run(RunDirectory(goes_on))
    seal_ended(make_run(runs_directory(), "now"), "sandbox")
    os.close(hold)
    store = DirectoryStore(home / "records")
    assert [2, "crashed"] == [store.head(), record(store, 2).facts["run"]]
    assert [goes_on] == unsealed_runs(runs_directory())


def test_what_was_edited_since_the_run_was_sealed_is_not_sealed_again(home: Path) -> None:
    ended = run("sound")
    Path(ended.notebook).write_text("{}")
    again = seal_ended(Path(ended.directory), ended.env)
    assert 0 == again.seq
    assert "notebook.ipynb" in again.problem


def test_a_key_in_a_variable_signs_and_no_kernel_sees_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("key") / "key.pem"
    public = FileSigner(path).public
    monkeypatch.setenv(KEY_VARIABLE, path.read_text())
    ended = run("prints_its_environment")
    assert ended.record
    store = DirectoryStore(home / "records")
    assert not verify_store(store, {public.id: public}).findings
    assert not (home / "records.pem").exists()
    shown = Path(ended.notebook).read_text("utf-8")
    assert "LEITSTAND_RUN" in shown
    assert KEY_VARIABLE not in shown
