"""Rules of logs: where each alone goes red, for ``test_rules``, and where none does."""

from dataclasses import replace

import pytest

from leitstand.core.hardening import Estate
from leitstand.core.hardening.logging import drops_audit_logs
from tests.core.hardening.estate import changed, healthy, red, without


def _default(**changes: object) -> Estate:
    estate = healthy()
    default, *others = estate.listed["logging.sinks"]
    sinks = ({**default, **changes}, *others)
    return replace(estate, listed={**estate.listed, "logging.sinks": sinks})


RED: list[tuple[str, Estate]] = [
    ("log-retention", changed("logging.buckets/_Default", "retentionDays", 30)),
    ("log-retention", changed("logging.buckets/_Default", "retentionDays", None)),
    ("log-retention", without("logging.buckets/_Default")),
    ("audit-logs-not-shortened", _default(disabled=True)),
    ("audit-logs-not-shortened", _default(exclusions=[{"name": "x", "filter": "severity<ERROR"}])),
    (
        "audit-logs-not-shortened",
        _default(filter='NOT LOG_ID("cloudaudit.googleapis.com/data_access")'),
    ),
    (
        "audit-logs-not-shortened",
        changed("logging.sinks/bigquery", "filter", 'NOT logName:"cloudaudit.googleapis.com"'),
    ),
    (
        "audit-logs-not-shortened",
        changed(
            "project.policy/this",
            "auditConfigs",
            [
                {
                    "service": "allServices",
                    "auditLogConfigs": [
                        {"logType": "DATA_READ", "exemptedMembers": ["user:a@example.com"]}
                    ],
                }
            ],
        ),
    ),
    ("audit-logs-not-shortened", changed("logging.buckets/_Required", "retentionDays", 30)),
    ("logs-exported", without("logging.sinks/bigquery")),
    ("logs-exported", changed("logging.sinks/bigquery", "disabled", True)),
    ("export-may-write", changed("bigquery.datasets/logs", "access", [])),
    ("export-may-write", without("bigquery.datasets/logs")),
    (
        "export-is-kept",
        changed("bigquery.datasets/logs", "defaultTableExpirationMs", str(30 * 86_400_000)),
    ),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('logName:"cloudaudit.googleapis.com"', True),
        ('LOG_ID("cloudaudit.googleapis.com/data_access")', True),
        ("severity<ERROR", True),
        ("sample(insertId, 0.9)", True),
        ('httpRequest.requestUrl:"/healthz"', False),
        ('LOG_ID("run.googleapis.com/requests") AND severity<ERROR', False),
        ('severity<ERROR AND NOT LOG_ID("cloudaudit.googleapis.com/data_access")', False),
        ('severity<ERROR AND -logName:"cloudaudit.googleapis.com"', False),
        ('LOG_ID("run.googleapis.com/requests") OR severity<ERROR', True),
    ],
)
def test_an_exclusion_must_leave_audit_logs_alone(text: str, expected: bool) -> None:
    assert expected == drops_audit_logs(text)


def test_an_exclusion_that_is_switched_off_drops_nothing() -> None:
    off = {"name": "x", "filter": "severity<ERROR", "disabled": True}
    assert set() == red(_default(exclusions=[off]))


def test_a_writer_may_be_named_as_member() -> None:
    sink = healthy().get("logging.sinks", "bigquery")
    assert sink is not None
    access = [{"role": "roles/bigquery.dataEditor", "iamMember": sink.get("writerIdentity")}]
    assert set() == red(changed("bigquery.datasets/logs", "access", access))
