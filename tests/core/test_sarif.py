"""A report as SARIF 2.1.0 and as JSON."""

import json
from dataclasses import replace
from typing import Any

import pytest

from leitstand.core.deviations import Agreement, Contrast, Departure
from leitstand.core.environment import AgreedDeviation
from leitstand.core.hardening import RULES, examine
from leitstand.core.report import Report
from leitstand.core.sarif import as_json, as_sarif
from tests.core.hardening.estate import changed, healthy, unlisted

REASON = "Auf Staging läuft nur Testverkehr."

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {"$ref": "#/definitions/run"}},
    },
    "definitions": {
        "run": {
            "required": ["tool"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "required": ["driver"],
                    "properties": {"driver": {"$ref": "#/definitions/component"}},
                },
                "automationDetails": {"properties": {"id": {"type": "string"}}},
                "language": {"pattern": "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$"},
                "results": {"type": "array", "items": {"$ref": "#/definitions/result"}},
                "properties": {"type": "object"},
            },
        },
        "component": {
            "required": ["name"],
            "properties": {
                "rules": {
                    "type": "array",
                    "uniqueItems": True,
                    "items": {"$ref": "#/definitions/rule"},
                }
            },
        },
        "rule": {
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string"},
                "name": {"type": "string"},
                "shortDescription": TEXT,
                "fullDescription": TEXT,
                "help": TEXT,
                "defaultConfiguration": {"properties": {"level": LEVEL}},
                "properties": {"type": "object"},
            },
        },
        "result": {
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open"]},
                "level": LEVEL,
                "message": TEXT,
                "locations": {
                    "type": "array",
                    "items": {
                        "additionalProperties": False,
                        "properties": {
                            "logicalLocations": {
                                "type": "array",
                                "items": {
                                    "additionalProperties": False,
                                    "properties": {
                                        "name": {"type": "string"},
                                        "fullyQualifiedName": {"type": "string"},
                                        "kind": {"type": "string"},
                                    },
                                },
                            }
                        },
                    },
                },
                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                "suppressions": {
                    "type": "array",
                    "items": {
                        "required": ["kind"],
                        "additionalProperties": False,
                        "properties": {
                            "kind": {"enum": ["inSource", "external"]},
                            "status": {"enum": ["accepted", "underReview", "rejected"]},
                            "justification": {"type": "string"},
                        },
                    },
                },
                "properties": {"type": "object"},
            },
        },
    },
}
"""What concerns us of the schema that OASIS publishes with SARIF 2.1.0."""


@pytest.fixture(scope="module")
def report() -> Report:
    entry = AgreedDeviation(
        path="resources.redis.instances.main", reason=REASON, excuses=["redis-highly-available"]
    )
    estate = changed("redis.instances/main", "tier", "BASIC")
    estate = changed("run.services/web", "ingress", "INGRESS_TRAFFIC_ALL", estate)
    listed = unlisted("iam.keys").listed
    findings = examine(replace(estate, listed=listed), Agreement((entry,)))
    departures = (
        Departure("run.services/web", "projects/p/x", "ingress", "A", "B", "update"),
        Departure("redis.instances/main", "projects/p/y", "", None, None, "create", "Wartet."),
    )
    return Report("prod", "p", departures, findings, (Contrast("services.web", 1, 2, REASON),))


@pytest.fixture(scope="module")
def log(report: Report) -> Any:
    return json.loads(json.dumps(as_sarif(report, RULES, version="1.2.3")))


def test_the_log_fits_the_schema(log: Any) -> None:
    from jsonschema import validate  # type: ignore[import-untyped]  # untyped, and takes seconds

    validate(log, SCHEMA)
    (run,) = log["runs"]
    assert len(RULES) + 2 == len(run["tool"]["driver"]["rules"])


def test_every_result_points_at_its_rule(log: Any) -> None:
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert 6 == len(run["results"])
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def result_of(log: Any, rule: str) -> Any:
    (found,) = [entry for entry in log["runs"][0]["results"] if entry["ruleId"] == rule]
    return found


def test_a_finding_names_resource_field_and_level(log: Any) -> None:
    found = result_of(log, "only-load-balancer-reachable")
    (location,) = found["locations"]
    name = "projects/leitstand-prod/locations/europe-west3/services/web#ingress"
    assert name == location["logicalLocations"][0]["fullyQualifiedName"]
    assert ("fail", "error") == (found["kind"], found["level"])
    assert "Der Dienst web nimmt Anfragen aus dem Internet an." == found["message"]["text"]


def test_what_was_agreed_upon_is_suppressed_with_its_reason(log: Any) -> None:
    suppressed = {
        entry["ruleId"]: entry["suppressions"]
        for entry in log["runs"][0]["results"]
        if "suppressions" in entry
    }
    accepted = [{"kind": "external", "status": "accepted", "justification": REASON}]
    assert {"redis-highly-available": accepted, "differs-from-production": accepted} == suppressed


def test_what_nobody_could_look_at_is_open(log: Any) -> None:
    found = result_of(log, "no-account-keys")
    assert ("open", "none") == (found["kind"], found["level"])


def test_the_fingerprint_stays_when_only_the_value_changes() -> None:
    def fingerprints(tier: str) -> list[Any]:
        findings = examine(changed("redis.instances/main", "tier", tier), Agreement())
        log = as_sarif(Report("prod", "p", (), findings), RULES, version="1")
        return [entry["partialFingerprints"] for entry in log["runs"][0]["results"]]

    assert fingerprints("BASIC") == fingerprints("TIER_UNSPECIFIED")
    assert 1 == len(fingerprints("BASIC"))


def test_a_clean_report_has_an_empty_list_of_results() -> None:
    report = Report("prod", "p", (), examine(healthy(), Agreement()))
    log = as_sarif(report, RULES, version="1")
    assert ([], "clean") == (
        log["runs"][0]["results"], log["runs"][0]["properties"]["verdict"],
    )  # fmt: skip


def test_the_plain_export_holds_everything(report: Report) -> None:
    data = json.loads(json.dumps(as_json(report)))
    assert ("prod", "deviating") == (data["environment"], data["verdict"])
    assert (3, 2, 1) == (
        len(data["findings"]), len(data["departures"]), len(data["contrasts"]),
    )  # fmt: skip
    assert {"error": 2, "warning": 2, "note": 0, "agreed": 2} == data["counts"]
