"""The command line: what it prints and which exit code it ends with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from leitstand.cli import main

NOTEBOOKS = Path(__file__).parents[1] / "notebook" / "notebooks"
SOUND = str(NOTEBOOKS / "sound.ipynb")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from leitstand.cli import output

    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path / "home"))
    output.console.cache_clear()
    output.problems.cache_clear()
    return tmp_path / "home"


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "Es fehlt die Angabe RUNBOOK."),
        (["run", "--falsch", "x"], "Die Option --falsch gibt es nicht."),
        (["rn"], "Den Befehl 'rn' gibt es nicht."),
        (["runs", "-n", "0"], "Die Angabe --most passt nicht"),
        (["run", "releas"], "Meinten Sie „release“?"),
        (["run", SOUND, "-p", "cuont=2"], "Meinten Sie „count“?"),
        (["run", SOUND, "-p", "count=viele"], "erwartet eine ganze Zahl von 1 bis 5"),
        (["run", SOUND, "-p", "count=6"], "Geben Sie einen Wert von 1 bis 5 an."),
        (["run", SOUND, "-p", "count"], "ist keine Zuweisung"),
        (["run", SOUND, "--env", "moon"], "kennt den Wert „moon“ nicht"),
        (["run", SOUND, "--env", "prod", "-p", "env=prod"], "ist mehrfach angegeben"),
        (["run", SOUND, "-y", "none.yaml"], "Die Parameterdatei none.yaml ist nicht lesbar"),
        (["run", str(NOTEBOOKS / "no_notebook.ipynb")], "ist kein lesbares Notebook"),
        (["run", str(NOTEBOOKS / "untyped_parameter.ipynb")], "in Zeile 1 fehlerhaft"),
        (["html", "20990101"], "Den Lauf „20990101“ gibt es"),
        (["sandbox", "break", "X", "--kind", "odd"], "Die Angabe --kind passt nicht"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_do(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], home: Path
):
    assert 2 == call(*arguments)
    shown = capsys.readouterr()
    assert message in shown.err
    assert "Traceback" not in shown.err
    assert "" == shown.out
    assert [] == (list((home / "runs").iterdir()) if (home / "runs").exists() else [])


def test_a_run_prints_its_steps_and_where_it_lies(capsys: pytest.CaptureFixture[str]):
    assert 0 == call("run", SOUND, "-p", "count=3")
    shown = capsys.readouterr()
    assert "✓ Zählen: fertig" in shown.out
    assert "abgeschlossen nach" in shown.out
    assert "" == shown.err


def test_json_is_one_object_with_the_result(capsys: pytest.CaptureFixture[str], home: Path):
    file = home.parent / "p.yaml"
    file.write_text("count: 4\nticket: 2026-11-24\n")
    assert 0 == call("run", SOUND, "-y", str(file), "-p", "count=5", "--json")
    result = json.loads(capsys.readouterr().out)
    assert ("completed", 0, "sandbox") == (result["status"], result["exit_code"], result["env"])
    journal = Path(result["directory"]) / "journal.jsonl"
    started = json.loads(journal.read_text("utf-8").splitlines()[0])
    assert (5, "2026-11-24") == (started["parameters"]["count"], started["ticket"])


def test_json_tells_a_refusal_too(capsys: pytest.CaptureFixture[str]):
    assert 2 == call("run", SOUND, "-p", "x=1", "--json")
    assert "UnknownParameter" == json.loads(capsys.readouterr().out)["error"]


def test_a_failed_run_explains_itself_and_can_be_copied(
    capsys: pytest.CaptureFixture[str], home: Path
):
    assert 3 == call("run", str(NOTEBOOKS / "fails_at_a_gate.ipynb"), "--html")
    shown = capsys.readouterr()
    assert "Fehler: Es fehlt ein Ticket.\nGeben Sie eines an.\n" == shown.err
    assert "abgelehnt" in shown.out
    (run,) = (home / "runs").iterdir()
    assert (run / "notebook.html").is_file()
    assert 0 == call("runs")
    assert f"{run.name}" in (listed := capsys.readouterr().out)
    assert "abgelehnt" in listed


def test_quiet_prints_nothing_at_success(capsys: pytest.CaptureFixture[str]):
    assert 0 == call("run", str(NOTEBOOKS / "no_parameters_cell.ipynb"), "--quiet")
    assert ("", "") == capsys.readouterr()


def test_runbooks_and_show_say_what_there_is(capsys: pytest.CaptureFixture[str]):
    assert 0 == call("runbooks")
    assert "release" in capsys.readouterr().out
    assert 0 == call("show", SOUND)
    shown = capsys.readouterr().out
    for text in ("Ein Notebook ohne Fehler", "Zählt.", "ganze Zahl von 1 bis 5", "Wie oft",
                 "--apply", "leitstand lab"):  # fmt: skip
        assert text in shown
    assert 0 == call("show", SOUND, "--json")
    assert "sound" == json.loads(capsys.readouterr().out)["name"]


def test_a_project_that_is_named_and_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LEITSTAND_PROJECT", str(tmp_path))
    assert 2 == call("show", "release")
    assert f"In {tmp_path} fehlt" in " ".join(capsys.readouterr().err.split())
    assert 0 == call("show", SOUND)  # a path needs no project


def test_without_runs_the_list_says_so(capsys: pytest.CaptureFixture[str]):
    assert 0 == call("runs")
    assert "Noch keine Läufe.\n" == capsys.readouterr().out


def test_help_is_german(capsys: pytest.CaptureFixture[str]):
    assert 0 == call("run", "--help")
    shown = capsys.readouterr().out
    assert "Führt ein Runbook aus" in shown
    assert "Zeigt diese Hilfe." in shown


def test_lists_are_quick_and_load_nothing_heavy():
    program = (
        "import sys\nfrom leitstand.cli import main\n"
        "try: main(['runbooks'])\nexcept SystemExit: pass\n"
        "heavy = {'papermill', 'google', 'nbclient', 'nbformat', 'jupyter_client'}\n"
        "sys.stderr.write(repr(heavy & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "set()" == ended.stderr


def test_an_unexpected_error_is_one_sentence_and_exit_1(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    ended = subprocess.run(
        [sys.executable, "-m", "leitstand", "runs"],
        env={**os.environ, "LEITSTAND_HOME": str(file)}, capture_output=True, text=True,
    )  # fmt: skip
    assert 1 == ended.returncode
    assert ended.stderr.startswith("Fehler: Unerwarteter Fehler:")
    assert "Traceback" not in ended.stderr
