"""The deviations runbook as its user starts it: exit codes, what it names, what it leaves."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.fixtures.command import Ended
from tests.fixtures.provisioning import Production, production

ACCOUNT = "serviceAccount:run-web@leitstand-sandbox.iam.gserviceaccount.com"
BY_HAND: list[tuple[str, str, dict[str, Any], str, str]] = [
    (
        "run.services", "web", {"ingress": "INGRESS_TRAFFIC_ALL"},
        "services.web.ingress", "only-load-balancer-reachable",
    ),
    (
        "logging.buckets", "_Default", {"retentionDays": 7},
        "resources.logging.buckets._Default", "log-retention",
    ),
    (
        "project.policy", "this", {"bindings": [{"role": "roles/editor", "members": [ACCOUNT]}]},
        "resources.project.policy", "no-basic-roles",
    ),
    (
        "run.services", "litellm",
        {"template": {"containers": [{"env": [{"name": "LANGFUSE_MASKING", "value": "false"}]}]}},
        "services.litellm.template", "langfuse-masking-on",
    ),
]  # fmt: skip
"""What is changed by hand: resource and fields, where it is agreed upon, and the rule it breaks."""
RULES = {rule for *_, rule in BY_HAND}
REASON = "Für eine Übung vereinbart."


@dataclass
class Compared:
    """Comparisons of one production: untouched, changed by hand, and as then agreed upon.

    Attributes:
        place: It.
        ended: How they ended.
        writes: Calls of all three that were not mere reads.
    """

    place: Production
    ended: tuple[Ended, Ended, Ended]
    writes: list[tuple[str, str]]

    def report(self, run: int, suffix: str = "json") -> dict[str, Any]:
        path = self.place.leitstand.runs[run] / f"deviations.{suffix}"
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return content


def compare(place: Production, *arguments: str) -> tuple[Ended, list[tuple[str, str]]]:
    known = len(place.writes())
    ended = place.leitstand("run", "deviations", *arguments)
    return ended, place.writes()[known:]


def agree(place: Production) -> None:
    path = place.leitstand.project / "config" / "environments" / "sandbox.yaml"
    known = yaml.safe_load(path.read_text("utf-8"))["deviations"]
    new = [{"path": at, "reason": REASON, "excuses": [rule]} for *_, at, rule in BY_HAND]
    place.leitstand.configure(deviations=[*known, *new])


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    with production(tmp_path_factory.mktemp("compared"), whole=True) as place:
        place.build()
        clean, first = compare(place)
        for kind, name, body, _, _ in BY_HAND:
            place.change(kind, name, body)
        place.sandbox.add_fault("compute.subnetworks.get", "fail", "PERMISSION_DENIED", times=0)
        changed, second = compare(place)
        place.sandbox.clear_faults()
        agree(place)
        agreed, third = compare(place)
        yield Compared(place, (clean, changed, agreed), first + second + third)


def test_a_production_that_nobody_touched_deviates_nowhere(compared: Compared) -> None:
    clean, report = compared.ended[0], compared.report(0)
    assert (0, "") == (clean.code, clean.problems)
    assert [] == report["departures"]
    heavier = [finding for finding in report["findings"] if finding["severity"] != "note"]
    assert [] == [finding["rule"] for finding in heavier if not finding["agreed"]]
    assert [] == [c["path"] for c in report["contrasts"] if not c["agreed"]]
    assert "Die Wirklichkeit ist, wie die Datei sie beschreibt." in compared.place.shown(0)


def test_changes_by_hand_are_named_with_the_rules_that_they_break(compared: Compared) -> None:
    changed, report = compared.ended[1], compared.report(1)
    assert 6 == changed.code
    assert "ohne dass es vereinbart ist: " in changed.problems
    assert "only-load-balancer-reachable (run.services/web)" in changed.problems
    assert RULES == {f["rule"] for f in report["findings"] if f["severity"] == "error"}
    shown = compared.place.shown(1)
    for line in (
        "retentionDays: 7 → 90",
        "ingress: INGRESS_TRAFFIC_ALL → INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
        "Der Log-Bucket _Default behält Einträge nur 7 Tage.",
        f"roles/editor haben im Projekt: {ACCOUNT}.",
    ):
        assert line in shown


def test_what_cannot_be_read_is_named_and_never_taken_for_good(compared: Compared) -> None:
    report = compared.report(1)
    unreadable = [d for d in report["departures"] if d["change"] == "unreadable"]
    names = {f"compute.subnetworks/{name}" for name in ("services", "endpoints", "connector")}
    assert names == {d["key"] for d in unreadable if d["severity"] == "error"}
    assert "Subnetz services lesen: Eine Berechtigung fehlt." in compared.place.shown(1)
    unchecked = [f for f in report["findings"] if not f["observed"] and f["severity"] != "note"]
    assert {("services-reach-the-vpc", name) for name in names} == {
        (f["rule"], f["key"]) for f in unchecked
    }


def test_the_report_lies_beside_the_notebook_for_machines(compared: Compared) -> None:
    sarif = compared.report(1, "sarif")
    (run,) = sarif["runs"]
    failed = {r["ruleId"] for r in run["results"] if r["level"] == "error"}
    assert ("2.1.0", RULES | {"drift"}) == (sarif["version"], failed)
    assert RULES <= {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    counts = compared.report(1)["counts"]
    assert len(BY_HAND) + 3 == counts["error"]
    (verdict,) = [e for e in compared.place.leitstand.journal(1) if e["event"] == "verdict"]
    assert ("deviating", counts) == (verdict["verdict"], verdict["counts"])


def test_what_was_agreed_upon_is_shown_with_its_reason_and_does_not_fail(
    compared: Compared,
) -> None:
    agreed, report = compared.ended[2], compared.report(2)
    assert (0, "") == (agreed.code, agreed.problems)
    assert "agreed only" == report["verdict"]
    excused = [f for f in report["findings"] if f["severity"] == "error"]
    assert {(rule, REASON) for rule in RULES} == {(f["rule"], f["agreed"]) for f in excused}
    assert {REASON} == {d["agreed"] for d in report["departures"]}
    shown = compared.place.shown(2)
    assert f"Vereinbart: {REASON}" in shown
    assert "alles vereinbart." in shown


def test_nothing_is_changed_by_looking(compared: Compared) -> None:
    assert [] == compared.writes
    assert [] == compared.place.ids("action.intent", 1)


@pytest.mark.sweep
def test_a_run_that_must_not_fail_only_reports(compared: Compared) -> None:
    place = compared.place
    place.change("logging.buckets", "_Default", {"retentionDays": 6})
    place.leitstand.configure(deviations=[])
    ended, _ = compare(place, "-p", "fail_on=never")
    assert (0, "deviating") == (ended.code, compared.report(-1)["verdict"])
