"""What ``leitstand doctor`` looks at on this machine."""

import shutil
from importlib import metadata
from pathlib import Path

import pytest

from leitstand.cli.checks import examine, lock_differences
from leitstand.cli.checks.children import Child, check_environment, check_kernel

PATIENT = 30.0
"""Seconds: other tests may use the same processors."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUD_RUN_JOB", "K_SERVICE"):
        monkeypatch.delenv(name, raising=False)


def states(env: str) -> dict[str, str]:
    return {finding.title: finding.state for finding in examine(env, PATIENT)}


def test_this_machine_can_use_the_sandbox():
    found = states("sandbox")
    assert [
        "Python", "Pakete", "Kernel", "Projekt", "Läufe", "Umgebung", "Sandbox", "Sperren",
        "Belege", "Schlüssel",
    ] == list(found)  # fmt: skip
    assert {"good"} == {state for title, state in found.items() if title != "Pakete"}


def test_for_the_sandbox_no_credential_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    broken = tmp_path / "broken.json"
    broken.write_text("no credentials")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(broken))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert not {"Anmeldung", "Uhr", "Google-Projekt"} & set(states("sandbox"))


def test_without_credentials_prod_is_not_possible_and_the_rest_is_not_asked():
    found = {finding.title: finding for finding in examine("prod", PATIENT)}
    assert ("bad", "keine gefunden") == (found["Anmeldung"].state, found["Anmeldung"].detail)
    assert "nicht geprüft" in found["Google-Projekt"].detail
    assert "bad" == found["Freigaben"].state
    assert not {"Rechte", "Datenbank", "Uhr"} & set(found)


def test_an_unknown_environment_is_bad_and_nobody_is_asked_about_it():
    found = states("moon")
    assert "bad" == found["Umgebung"]
    assert "Anmeldung" not in found


def test_an_environment_file_with_a_wrong_value_is_bad_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = Path(__file__).resolve().parents[2]
    shutil.copytree(root / "config", tmp_path / "project" / "config")
    staging = tmp_path / "project" / "config" / "environments" / "staging.yaml"
    staging.write_text(staging.read_text("utf-8") + "\nprovision_deadline: soon\n", "utf-8")
    monkeypatch.setenv("LEITSTAND_PROJECT", str(tmp_path / "project"))
    found = {finding.title: finding for finding in examine("staging", PATIENT)}
    assert "bad" == found["Umgebung"].state
    assert "provision_deadline" in found["Umgebung"].detail
    assert "warn" == found["Pakete"].state  # there is no lock in that project


def test_a_private_key_that_others_can_read_is_bad(tmp_path: Path):
    (tmp_path / "home").mkdir()
    key = tmp_path / "home" / "records.pem"
    key.write_text("secret")
    key.chmod(0o644)
    findings = {finding.title: finding for finding in examine("sandbox", PATIENT)}
    assert "bad" == findings["Schlüssel"].state
    assert "chmod 600" in findings["Schlüssel"].advice


def test_what_does_not_answer_in_time_says_so_and_is_not_waited_for():
    slow = "import time; time.sleep(60)"
    kernel = check_kernel(Child(slow), 0.0)
    assert ("warn", "lädt langsam") == (kernel.state, kernel.detail)
    environment = check_environment("sandbox", Child(slow), 0.0)
    assert "sandbox: nicht in der Zeit geprüft" == environment.detail


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("typer=={typer}", []),
        ("Typer=={typer} \\\n    --hash=sha256:00", []),
        ("typer==0.0.1", ["typer {typer} statt 0.0.1"]),
        ("no-such-thing==1.0", ["no-such-thing fehlt"]),
        ("no-such-thing==1.0 ; sys_platform == 'win32'", []),
        ("no-such-thing==1.0 ; python_version >= '3.11' \\", ["no-such-thing fehlt"]),
        ("# comment\n    --hash=sha256:00\n-r other.txt", []),
    ],
)
def test_the_lock_is_compared_with_what_is_installed(line: str, expected: list[str]):
    version = metadata.version("typer")
    found = lock_differences(line.format(typer=version))
    assert [text.format(typer=version) for text in expected] == found


def test_names_of_directories_say_what_the_packages_say_of_themselves():
    lock = "\n".join(f"{d.name}=={d.version}" for d in metadata.distributions() if d.name)
    assert [] == lock_differences(lock)
