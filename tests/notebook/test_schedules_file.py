"""The schedule file on disk: what is refused, and where it says so."""

from pathlib import Path

import pytest
import yaml

from leitstand.core.schedule.checking import SchedulesInvalid
from leitstand.notebook.schedules_file import load_schedules, read_cron
from tests.fixtures.command import new_project

ENTRY = {
    "name": "look", "runbook": "deviations", "cron": "15 5 * * *",
    "environments": {"sandbox": {}}, "deadline": "1800s", "tolerance": "3600s",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    project, home = new_project(tmp_path)
    monkeypatch.setenv("LEITSTAND_PROJECT", str(project))
    monkeypatch.setenv("LEITSTAND_HOME", str(home))
    return project


def write(root: Path, entry: object, **fields: object) -> None:
    content = {"time_zone": "Europe/Berlin", "schedules": [entry], **fields}
    (root / "config" / "schedules.yaml").write_text(yaml.safe_dump(content), "utf-8")


@pytest.mark.parametrize(
    ("text", "minutes", "hours", "weekdays"),
    [
        ("15 5 * * *", {15}, {5}, set(range(7))),
        ("*/20 8-10 * * 1", {0, 20, 40}, {8, 9, 10}, {1}),
        ("0,30 0 1 JAN MON-FRI", {0, 30}, {0}, {1, 2, 3, 4, 5}),
    ],
)
def test_a_cron_expression_is_read(
    text: str, minutes: set[int], hours: set[int], weekdays: set[int]
):
    cron = read_cron(text)
    assert (minutes, hours, weekdays) == (cron.minutes, cron.hours, cron.weekdays)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "fünf Felder"),
        ("15 5 * *", "fünf Felder"),
        ("15 5 * * * *", "fünf Felder"),
        ("60 5 * * *", "Feld Minute"),
        ("mon 5 * * *", "Feld Minute"),
        ("0 24 * * *", "Feld Stunde"),
        ("0 5 0 * *", "Feld Tag"),
        ("0 5 * 13 *", "Feld Monat"),
        ("0 5 * * 7", "Feld Wochentag"),
        ("0 5 * * MONTAG", "Feld Wochentag"),
        ("*/0 5 * * *", "Feld Minute"),
        ("1-5! 5 * * *", "Feld Minute"),
        ("0,,5 5 * * *", "Feld Minute"),
        ("- 5 * * *", "Feld Minute"),
    ],
)
def test_what_is_no_cron_expression_is_refused_with_its_field(text: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        read_cron(text)


def test_the_projects_own_file_can_run(root: Path):
    names = {one.entry.name for one in load_schedules(root).entries}
    assert {
        "deviations", "tenant-isolation", "restore-drill", "redis-snapshot", "log-retention",
        "vector-maintenance", "secret-rotation",
    } == names  # fmt: skip


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"cron": "61 5 * * *"}, "Zeitplan „look“, cron: „61 5 * * *“ – „61“ ist keine Angabe"),
        ({"runbook": "deviation"}, "Zeitplan „look“, runbook: „deviation“ gibt es nicht"),
        ({"parameters": {"fail_on": "nie"}}, "Zeitplan „look“, parameters.fail_on: "),
        ({"deadline": "bald"}, "Zeitplan „look“, deadline: diese Schreibweise"),
        ({"parameters": {"fail_on": {"a": 1}}}, "Zeitplan „look“, parameters.fail_on: "),
        ({"tasks": 0}, "Zeitplan „look“, tasks: "),
        ({"every": "day"}, "Zeitplan „look“, every: diesen Schlüssel gibt es nicht"),
    ],
)
def test_an_entry_that_cannot_run_is_named(root: Path, change: dict[str, object], place: str):
    write(root, {**ENTRY, **change})
    with pytest.raises(SchedulesInvalid) as refused:
        load_schedules(root)
    assert place in refused.value.message
    assert refused.value.message.startswith("config/schedules.yaml ist ungültig: ")


def test_a_missing_key_names_its_entry(root: Path):
    write(root, {key: value for key, value in ENTRY.items() if key != "cron"})
    with pytest.raises(SchedulesInvalid, match="Zeitplan „look“, cron: fehlt"):
        load_schedules(root)


def test_a_file_that_is_no_yaml_or_knows_no_such_zone_is_refused(root: Path):
    (root / "config" / "schedules.yaml").write_text("schedules: [", "utf-8")
    with pytest.raises(SchedulesInvalid, match="kein gültiges YAML"):
        load_schedules(root)
    write(root, ENTRY, time_zone="Europa/Berlin")
    with pytest.raises(SchedulesInvalid, match="die Zeitzone „Europa/Berlin“ gibt es nicht"):
        load_schedules(root)
