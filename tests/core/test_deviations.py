"""What was agreed upon, what was not, and what a report comes to."""

from dataclasses import replace
from typing import Any

import pytest

from leitstand.configuration import load_environment, read_layers
from leitstand.core.deviations import (
    Agreement,
    Contrast,
    Departure,
    changed_paths,
    classify,
    contrasts,
    environment_path,
    undocumented,
)
from leitstand.core.difference import Difference
from leitstand.core.environment import AgreedDeviation
from leitstand.core.hardening import Finding, examine
from leitstand.core.kind_table import KINDS
from leitstand.core.reconcile import Deviation
from leitstand.core.report import Report, ReportVerdict
from tests.core.hardening.estate import changed

REASON = "Auf Staging läuft nur Testverkehr."
IDENTITY = ("project", "load_balancer.domain", "load_balancer.gui_domain", "release.reference")


def agreed(path: str, *excuses: str) -> AgreedDeviation:
    return AgreedDeviation(path=path, reason=REASON, excuses=list(excuses))


def deviation(key: str, change: Any, *paths: str) -> Deviation:
    kind, _, name = key.partition("/")
    found = tuple(Difference(path, 1, 2) for path in paths)
    return Deviation(key, KINDS[kind], name, f"projects/p/{name}", change, found)


def test_every_value_of_an_overlay_has_a_path() -> None:
    overlay = {
        "deviations": [{"path": "services"}],
        "services": {"web": {"scaling": {"min_instance_count": 0}}},
        "resources": {"logging.sinks": {"bigquery": None}},
    }
    assert (
        "services.web.scaling.min_instance_count",
        "resources.logging.sinks.bigquery",
    ) == changed_paths(overlay)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("services.web.scaling", ()),
        ("services", ()),
        ("services.web.scaling.min_instance_count", ()),
        ("services.web.scal", ("services.web.scaling.min_instance_count",)),
        ("services.worker", ("services.web.scaling.min_instance_count",)),
    ],
)
def test_a_reason_covers_what_lies_below_its_path(path: str, expected: tuple[str, ...]) -> None:
    changed_path = "services.web.scaling.min_instance_count"
    assert expected == undocumented([changed_path, "project"], [agreed(path)], exempt=["project"])


@pytest.mark.parametrize(
    ("key", "path", "expected"),
    [
        ("run.services/web", "scaling.minInstanceCount", "services.web.scaling.minInstanceCount"),
        ("run.jobs/migrate", "template.template.timeout", "jobs.migrate.timeout"),
        ("run.jobs/migrate", "template.taskCount", "jobs.migrate.taskCount"),
        ("run.jobs/migrate", "template.template.containers.0.args", "jobs.migrate.args"),
        ("sql.instances/main", "settings.tier", "resources.sql.instances.main.settings.tier"),
        ("sql.databases/main/app", "", "resources.sql.databases.main/app"),
    ],
)
def test_a_field_of_a_resource_has_a_place_in_the_file(key: str, path: str, expected: str) -> None:
    assert expected == environment_path(key, path)


def test_a_difference_at_an_agreed_path_carries_its_reason() -> None:
    agreement = Agreement((agreed("services.worker.scaling"),))
    found = classify(
        [
            deviation("run.services/worker", "update", "scaling.maxInstanceCount", "ingress"),
            deviation("redis.instances/main", "create"),
        ],
        agreement,
    )
    assert [
        ("run.services/worker", "scaling.maxInstanceCount", REASON, "warning"),
        ("run.services/worker", "ingress", "", "warning"),
        ("redis.instances/main", "", "", "error"),
    ] == [(entry.key, entry.path, entry.agreed, entry.severity) for entry in found]


def test_snake_case_in_the_file_is_camel_case_in_the_world() -> None:
    agreement = Agreement((agreed("services.web.scaling.min_instance_count"),))
    (entry,) = classify(
        [deviation("run.services/web", "update", "scaling.minInstanceCount")], agreement
    )
    assert REASON == entry.agreed


def test_the_reason_for_an_overlay_does_not_excuse_a_difference_from_it() -> None:
    agreement = Agreement((agreed("services"),), ("services.web.scaling.min_instance_count",))
    (entry,) = classify([deviation("run.services/web", "update", "ingress")], agreement)
    assert "" == entry.agreed


def test_nobody_agreed_to_what_could_not_be_read() -> None:
    agreement = Agreement((agreed("resources.redis.instances.main"),))
    (entry,) = classify([deviation("redis.instances/main", "unreadable")], agreement)
    assert ("", "error") == (entry.agreed, entry.severity)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("services", REASON),
        ("services.worker.scaling", REASON),
        ("services.web", ""),
        ("memorystore.snapshot_export", REASON),
    ],
)
def test_an_excuse_for_one_resource_excuses_no_other(path: str, expected: str) -> None:
    agreement = Agreement((agreed(path, "worker-figures"),))
    assert expected == agreement.excuse("worker-figures", "run.services/worker")
    assert "" == agreement.excuse("web-figures", "run.services/worker")


def test_a_finding_carries_the_reason_for_which_it_was_agreed_upon() -> None:
    agreement = Agreement((agreed("resources.redis.instances.main", "redis-highly-available"),))
    (finding,) = examine(changed("redis.instances/main", "tier", "BASIC"), agreement)
    assert ("redis-highly-available", REASON) == (finding.rule, finding.agreed)


def test_two_files_differ_where_their_values_do() -> None:
    here = {"project": "s", "a": {"b": 1, "c": [1]}, "deviations": [1]}
    production = {"project": "p", "a": {"b": 1, "c": [2], "d": 3}}
    found = contrasts(here, production, Agreement((agreed("a.c"),)), exempt=["project"])
    assert (Contrast("a.c", [1], [2], REASON), Contrast("a.d", None, 3)) == found


def test_staging_differs_from_production_only_as_agreed() -> None:
    staging, production = load_environment("staging"), load_environment("prod")
    found = contrasts(
        staging.model_dump(mode="json"),
        production.model_dump(mode="json"),
        Agreement(tuple(staging.deviations)),
        exempt=(*IDENTITY, "name", "requires_ticket", "requires_second_person"),
    )
    assert found
    assert [] == [entry.path for entry in found if not entry.agreed]


def test_every_value_of_the_overlay_of_staging_has_a_reason() -> None:
    _, overlay = read_layers("staging")
    found = undocumented(changed_paths(overlay), load_environment("staging").deviations, IDENTITY)
    assert () == found


DEPARTURE = Departure("k/i", "n", "p", 1, 2, "update")
FINDING = Finding("k/i", "n", "p", 1, 2, "Ein Satz.", rule="web-figures")


@pytest.mark.parametrize(
    ("report", "expected", "counts"),
    [
        (Report("prod", "p"), ReportVerdict.CLEAN, (0, 0, 0, 0)),
        (Report("prod", "p", (DEPARTURE,)), ReportVerdict.DEVIATING, (0, 1, 0, 0)),
        (Report("prod", "p", (), (FINDING,)), ReportVerdict.DEVIATING, (1, 0, 0, 0)),
        (
            Report("prod", "p", (), (replace(FINDING, severity="note"),)),
            ReportVerdict.CLEAN,
            (0, 0, 1, 0),
        ),
        (
            Report("prod", "p", (replace(DEPARTURE, agreed=REASON),)),
            ReportVerdict.AGREED_ONLY,
            (0, 0, 0, 1),
        ),
        (
            Report("prod", "p", (DEPARTURE,), (replace(FINDING, agreed=REASON),)),
            ReportVerdict.DEVIATING,
            (0, 1, 0, 1),
        ),
        (
            Report("staging", "p", (), (), (Contrast("a", 1, 2),)),
            ReportVerdict.DEVIATING,
            (0, 1, 0, 0),
        ),
    ],
)
def test_a_report_comes_to_one_verdict(
    report: Report, expected: ReportVerdict, counts: tuple[int, ...]
) -> None:
    assert expected == report.verdict
    assert counts == tuple(report.counts.values())
