"""What ``leitstand doctor`` looks at."""

from importlib import metadata
from pathlib import Path

import pytest

from leitstand.cli.checks import examine, lock_differences


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEITSTAND_HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


def states(env: str) -> dict[str, str]:
    return {finding.title: finding.state for finding in examine(env)}


def test_this_machine_can_use_the_sandbox():
    found = states("sandbox")
    assert ["Python", "Pakete", "Kernel", "Projekt", "Läufe", "Umgebung", "Sandbox"] == list(found)
    assert "bad" not in {found[title] for title in ("Python", "Kernel", "Umgebung", "Sandbox")}


def test_without_credentials_prod_is_not_possible_and_with_them_none_is_shown(tmp_path: Path):
    assert "bad" == states("prod")["Anmeldung"]
    (tmp_path / "gcloud").mkdir()
    file = tmp_path / "gcloud" / "application_default_credentials.json"
    file.write_text('{"refresh_token": "geheim"}')
    assert "good" == states("prod")["Anmeldung"]
    assert "geheim" not in str(examine("prod"))


def test_an_unknown_environment_is_bad():
    assert "bad" == states("moon")["Umgebung"]


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
