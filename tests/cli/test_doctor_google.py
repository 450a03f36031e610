"""``leitstand doctor`` for staging, which is a second sandbox behind Google's own addresses."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml

from leitstand.cli.checks import examine
from leitstand.cli.checks.google import judge_pulse
from leitstand.cloud.pulse import Pulse
from leitstand.cloud.rest import Rest
from leitstand.cloud.rest_http import direct
from leitstand.configuration import read_layers
from leitstand.core.doctor.finding import Finding
from leitstand.core.doctor.target import target_of
from leitstand.core.layers import merge
from leitstand.project import state_directory
from leitstand.sandbox import control
from tests.fixtures.command import Command, furnished, new_project
from tests.fixtures.google import ACCOUNT, Google, posing

PATIENT = 30.0
PROJECT = "leitstand-sandbox"
URL = (
    "postgresql://app:x@${sql.instances/main#ipAddresses.0.ipAddress}"
    ":${sql.instances/main#settings.userLabels.sandbox-port}/app"
)


@dataclass
class Staging:
    """The environment, what answers for Google, and the command."""

    google: Google
    leitstand: Command

    def findings(self, seconds: float = PATIENT) -> dict[str, Finding]:
        """What is found at Google; the checks of this machine take longer, and are left out."""
        target = target_of("staging", merge(*read_layers("staging")))
        pulse = Pulse(target, time.monotonic() + seconds)
        pulse.wait()
        return {found.title: found for found in judge_pulse(target, pulse, state_directory())}

    def configure(self, **values: object) -> None:
        path = self.leitstand.project / "config" / "environments" / "staging.yaml"
        data = yaml.safe_load(path.read_text("utf-8"))
        path.write_text(yaml.safe_dump({**data, **values}, allow_unicode=True), "utf-8")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Command, Google]]:
    """A sandbox with web, its database and the stores, and Google's addresses in front of it."""
    directory = tmp_path_factory.mktemp("staging")
    command = Command(*new_project(directory), template=furnished(database=True))
    command.production(database=True)
    assert 0 == command("sandbox", "up").code
    sandbox = control.find(command.home / "sandbox")
    assert sandbox is not None
    rest = Rest(partial(direct, 10), sandbox.rest)
    for api in ("storage", "redis"):
        name = f"projects/{PROJECT}/services/{api}.googleapis.com"
        rest.call("serviceusage.v1", "services", "enable", name, what="", body={})
    for bucket in ("records", "locks", "anchors"):
        body = {"name": f"{PROJECT}-{bucket}", "location": "europe-west3"}
        query = {"project": PROJECT}
        rest.call("storage.v1", "buckets", "insert", "b/-", what="", body=body, query=query)
    (directory / "google").mkdir()
    try:
        with posing(sandbox.rest, directory / "google") as google:
            yield command, google
    finally:
        control.reset(command.home / "sandbox")


@pytest.fixture
def staging(
    second: tuple[Command, Google], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Staging:
    """The environment as it is when nothing is wrong."""
    served = second[1]
    google = Google(served.proxy, served.sandbox, served.directory)
    for name in ("denied", "clock", "delays", "token", "answers", "seen"):
        setattr(served, name, getattr(google, name))
    project, home = new_project(tmp_path)
    for name, value in {**served.environment, "LEITSTAND_PROJECT": str(project)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LEITSTAND_HOME", str(home))
    here = Staging(served, Command(project, home, served.environment))
    here.configure(
        project=PROJECT,
        initial={"secretmanager.versions": {"database-url/1": {"payload": {"data": URL}}}},
    )
    return here


def test_all_that_is_there_is_good_and_only_reads_were_sent(staging: Staging) -> None:
    found = {finding.title: finding for finding in examine("staging", PATIENT)}
    good = {title for title, finding in found.items() if finding.state == "good"}
    assert {
        "Umgebung", "Anmeldung", "Uhr", "Google-Projekt", "Rechte", "Datenbank", "Sperren",
        "Offene Läufe", "Belege", "Anker", "Schlüssel",
    } <= good  # fmt: skip
    assert f"{ACCOUNT} (Dienstkonto)" == found["Anmeldung"].detail
    # What the small production leaves out.
    assert {"Pakete", "Secrets", "APIs", "Redis"} == set(found) - good - {"Python"}
    changing = [
        url for method, url in staging.google.seen
        if method != "GET" and not url.endswith((":testIamPermissions", "/token"))
    ]  # fmt: skip
    assert [] == changing


def test_nothing_shows_a_token_or_a_key(staging: Staging) -> None:
    ended = staging.leitstand("doctor", "--env", "staging", "--json", "--wait", "30")
    shown = ended.output + ended.problems
    assert "Rechte" in [finding["title"] for finding in json.loads(ended.output)]
    for secret in ("ya29", "PRIVATE KEY", "Bearer"):
        assert secret not in shown


def test_missing_permissions_say_which_runbooks_cannot_run(staging: Staging) -> None:
    staging.google.denied = {
        "run.services.update", "secretmanager.versions.access", "iam.serviceAccounts.actAs",
        "storage.objects.delete",
    }  # fmt: skip
    found = staging.findings()
    assert "warn" == found["Rechte"].state
    assert "maintenance_mode" in found["Rechte"].detail
    assert "roles/run.developer" in found["Rechte"].advice
    assert "nicht lesbar: database-admin-url, database-url" == found["Secrets"].detail
    assert "actAs" in found["Dienstkonto"].detail
    assert ("bad", "good") == (found["Sperren"].state, found["Belege"].state)


def test_another_project_is_bad_and_nothing_inside_it_is_judged(staging: Staging) -> None:
    staging.configure(project="somebody-elses")
    found = staging.findings()
    assert "bad" == found["Google-Projekt"].state
    assert "somebody-elses: kein Zugriff" in found["Google-Projekt"].detail
    assert "project in config/environments/staging.yaml" in found["Google-Projekt"].advice
    assert not {"Rechte", "Datenbank", "APIs"} & set(found)


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [(0, "good", "stimmt"), (-30, "warn", "s vor"), (7200, "bad", " nach")],
)
def test_a_clock_that_is_off_is_seen(staging: Staging, ahead: int, state: str, words: str) -> None:
    staging.google.clock = ahead
    clock = staging.findings()["Uhr"]
    assert state == clock.state
    assert words in clock.detail


def test_a_sign_in_that_has_expired_still_tells_the_time(staging: Staging) -> None:
    staging.google.token = (400, {"error": "invalid_grant"})
    staging.google.clock = 600
    found = staging.findings()
    assert "abgelaufen oder widerrufen (Dienstkonto): invalid_grant" == found["Anmeldung"].detail
    assert ("bad", "bad") == (found["Anmeldung"].state, found["Uhr"].state)
    assert "Rechte" not in found


def test_an_address_without_a_way_to_it_is_told_from_a_good_one(staging: Staging) -> None:
    staging.configure(
        initial={"secretmanager.versions": {"database-url/1": {"payload": {"data": "x@${a}:9/y"}}}}
    )
    found = staging.findings()["Datenbank"]
    assert ("warn", "127.0.0.1:9: die Verbindung wird abgelehnt") == (found.state, found.detail)


def test_stores_that_are_not_there_yet_are_bad_for_locks_only(staging: Staging) -> None:
    staging.configure(locks={"store": "gs://no-locks-here"}, records={"store": "gs://no-records"})
    found = staging.findings()
    assert ("bad", "warn") == (found["Sperren"].state, found["Belege"].state)
    assert "gibt es nicht" in found["Sperren"].detail


def test_a_slow_service_says_so_and_is_not_waited_for(staging: Staging) -> None:
    staging.google.delays = {"sqladmin": 8.0, "storage": 8.0}
    begin = time.monotonic()
    found = staging.findings(2.0)
    assert time.monotonic() - begin < 8.0
    assert "main: keine Antwort in der Zeit" == found["Datenbank"].detail
    assert ("bad", "warn") == (found["Sperren"].state, found["Belege"].state)
    assert "good" == found["Rechte"].state


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"https_proxy": "http://127.0.0.1:9"}, "die Verbindung wird abgelehnt"),
        ({"HTTPLIB2_CA_CERTS": ""}, "dem Zertifikat ist nicht zu trauen"),
    ],
)
def test_without_a_way_to_google_the_reason_is_named(
    staging: Staging, variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = staging.findings()
    assert ("bad", f"vorhanden (Dienstkonto), Google: {words}") == (
        found["Anmeldung"].state, found["Anmeldung"].detail,
    )  # fmt: skip
    assert "nicht geprüft" in found["Google-Projekt"].detail


def test_a_project_without_answer_is_told_from_one_without_access(staging: Staging) -> None:
    staging.google.answers = {"cloudresourcemanager": 503}
    found = staging.findings()["Google-Projekt"]
    assert ("bad", f"{PROJECT}: Refused here") == (found.state, found.detail)
