"""A report as SARIF 2.1.0, for tools that collect findings, and as plain JSON.

Source: OASIS Static Analysis Results Interchange Format (SARIF) Version 2.1.0.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from leitstand.core.deviations import Contrast, Departure
from leitstand.core.hardening.rule import Finding, Rule
from leitstand.core.report import Report

__all__ = ["as_json", "as_sarif"]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_DRIFT = "drift"
_CONTRAST = "differs-from-production"
_CHANGES = {
    "create": "{name} fehlt.",
    "update": "{name}: {path} ist nicht, wie es die Umgebung beschreibt.",
    "replace": "{name}: {path} lässt sich nur durch Ersetzen ändern.",
    "unreadable": "{name} ließ sich nicht lesen.",
}


def as_sarif(report: Report, rules: Sequence[Rule], *, version: str) -> dict[str, Any]:
    """Return a report as a SARIF log with one run.

    Args:
        report: The report.
        rules: All rules that were looked at, broken or not.
        version: Version of Leitstand.
    """
    descriptors = [*(_descriptor(rule) for rule in rules), *_OWN]
    positions = {descriptor["id"]: place for place, descriptor in enumerate(descriptors)}
    results = [
        *(_of_finding(finding) for finding in report.findings),
        *(_of_departure(entry) for entry in report.departures),
        *(_of_contrast(entry, report) for entry in report.contrasts),
    ]
    for result in results:
        result["ruleIndex"] = positions[result["ruleId"]]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Leitstand", "version": version, "rules": descriptors}},
                "automationDetails": {"id": f"leitstand/{report.environment}/"},
                "language": "de-DE",
                "results": results,
                "properties": {
                    "environment": report.environment,
                    "project": report.project,
                    "verdict": str(report.verdict),
                },
            }
        ],
    }


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as plain JSON values."""
    return {
        "environment": report.environment,
        "project": report.project,
        "verdict": str(report.verdict),
        "counts": dict(report.counts),
        "findings": [asdict(finding) for finding in report.findings],
        "departures": [
            {**asdict(entry), "severity": entry.severity} for entry in report.departures
        ],
        "contrasts": [asdict(entry) for entry in report.contrasts],
    }


def _descriptor(rule: Rule) -> dict[str, Any]:
    return _rule(rule.id, rule.title, rule.why, rule.source, rule.severity)


def _rule(id: str, title: str, why: str, source: str, level: str) -> dict[str, Any]:
    return {
        "id": id,
        "name": "".join(part.capitalize() for part in id.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": why},
        "help": {
            "text": f"{title}. {why} Quelle: {source}.",
            "markdown": f"**{title}**\n\n{why}\n\nQuelle: {source}",
        },
        "defaultConfiguration": {"level": level},
        "properties": {"source": source},
    }


_OWN = (
    _rule(
        _DRIFT, "Die Umgebung ist, wie ihre Datei sie beschreibt",
        "Was von Hand geändert wurde, geht bei der nächsten Bereitstellung verloren.",
        "config/environments", "warning",
    ),
    _rule(
        _CONTRAST, "Jede Abweichung von der Produktion ist begründet",
        "Was nur hier anders ist, wurde für die Produktion nicht erprobt.",
        "config/environments", "warning",
    ),
)  # fmt: skip


def _of_finding(finding: Finding) -> dict[str, Any]:
    return _result(
        finding.rule, finding.severity, finding.evidence, finding.resource, finding.path,
        finding.found, finding.expected, finding.agreed, observed=finding.observed,
    )  # fmt: skip


def _of_departure(entry: Departure) -> dict[str, Any]:
    text = _CHANGES[entry.change].format(name=entry.key, path=entry.path)
    return _result(
        _DRIFT, entry.severity, f"{text} {entry.blocked}".strip(), entry.resource, entry.path,
        entry.found, entry.wanted, entry.agreed,
    )  # fmt: skip


def _of_contrast(entry: Contrast, report: Report) -> dict[str, Any]:
    return _result(
        _CONTRAST, "warning", f"{entry.path} ist anders als in der Produktion.",
        f"projects/{report.project}", entry.path, entry.here, entry.production, entry.agreed,
    )  # fmt: skip


def _result(
    rule: str, level: str, text: str, resource: str, path: str, found: Any, expected: Any,
    agreed: str, *, observed: bool = True,
) -> dict[str, Any]:  # fmt: skip
    place = f"{resource}#{path}" if path else resource
    result: dict[str, Any] = {
        "ruleId": rule,
        "kind": "fail" if observed else "open",
        # SARIF 2.1.0, 3.27.10: a level other than none belongs to the kind fail alone.
        "level": level if observed else "none",
        "message": {"text": text},
        "locations": [{"logicalLocations": [_location(resource, path, place)]}],
        "partialFingerprints": {"leitstand/v1": _fingerprint(rule, resource, path)},
        "properties": {"found": found, "expected": expected},
    }
    if agreed:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": agreed}
        ]
    return result


def _location(resource: str, path: str, place: str) -> Mapping[str, str]:
    name = path or resource.rsplit("/", 1)[-1]
    return {"name": name, "fullyQualifiedName": place, "kind": "resource"}


def _fingerprint(rule: str, resource: str, path: str) -> str:
    """Return what stays the same as long as the same place breaks the same rule."""
    return hashlib.sha256(f"{rule}\n{resource}\n{path}".encode()).hexdigest()
