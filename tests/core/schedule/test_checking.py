"""An entry that could not run is refused, with file, entry and key."""

from typing import Any

import pytest

from leitstand.core.schedule.checking import SchedulesInvalid
from tests.core.schedule.samples import checked, entry


@pytest.mark.parametrize(
    ("entries", "place"),
    [
        ([entry(runbook="deviation")], "runbook: „deviation“ gibt es nicht"),
        ([entry(cron="manchmal")], "cron: „manchmal“ – es müssen fünf Felder sein"),
        ([entry(environments={"stagin": {}})], "environments: die Umgebung „stagin“ gibt es nicht"),
        ([entry(parameters={"shar": 5})], "parameters.shar: Den Parameter"),
        ([entry(parameters={"share": "viel"})], "parameters.share: "),
        ([entry(parameters={"share": 500})], "parameters.share: "),
        ([entry(environments={"sandbox": {"tables": "alle"}})], "environments.sandbox.tables: "),
        ([entry(environments={"prod": {"apply": True}})],
         "environments.prod.apply: auf prod ändert ein Lauf ohne Freigabe"),
        ([entry(), entry()], "name: kommt zweimal vor"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_named_with_file_entry_and_key(
    entries: list[dict[str, Any]], place: str
):
    with pytest.raises(SchedulesInvalid) as refused:
        checked(*entries)
    assert refused.value.message.startswith("config/schedules.yaml ist ungültig: Zeitplan „daily-")
    assert place in refused.value.message


def test_all_places_are_named_at_once():
    with pytest.raises(SchedulesInvalid) as refused:
        checked(entry(runbook="x", cron="manchmal"), entry(name="other", parameters={"share": 0}))
    assert 3 == len(refused.value.places)


def test_parameters_of_an_environment_go_before_those_of_all():
    (one,) = checked(
        entry(parameters={"apply": True, "share": 5}, environments={"sandbox": {"share": 7}})
    )
    assert {"apply": True, "share": 7, "env": "sandbox"} == one.values["sandbox"]


def test_where_a_ticket_is_needed_the_schedule_is_the_ticket_unless_one_is_given():
    (own,) = checked(entry(environments={"prod": {}}))
    assert "schedule-daily-look" == own.values["prod"]["ticket"]
    (given,) = checked(entry(environments={"prod": {"ticket": "OPS-7"}}))
    assert "OPS-7" == given.values["prod"]["ticket"]
