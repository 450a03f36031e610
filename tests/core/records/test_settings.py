"""Where an environment's records go."""

import pytest

from leitstand.configuration import load_environment
from leitstand.core.environment import Environment
from leitstand.core.records.settings import RecordStore, records_in


def saying(records: RecordStore, name: str = "prod") -> Environment:
    return load_environment(name).model_copy(update={"records": records})


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_an_environment_in_the_cloud_keeps_records_and_anchors_in_buckets_of_their_own(name: str):
    records = records_in(load_environment(name))
    assert f"gs://leitstand-{name}-records" == records.store
    assert [f"gs://leitstand-{name}-anchors"] == records.anchors


def test_the_sandbox_keeps_its_records_on_this_machine_and_anchors_none():
    assert RecordStore() == records_in(load_environment("sandbox"))


def test_the_name_of_the_environment_is_filled_in_too_and_keys_are_left_as_they_are():
    said = RecordStore(
        store="/srv/${name}", anchors=["git:", "gs://audit/${project}/${name}"],
        trusted_keys=["${name}"],
    )  # fmt: skip
    anchors = ["git:", "gs://audit/leitstand-prod/prod"]
    expected = RecordStore(store="/srv/prod", anchors=anchors, trusted_keys=["${name}"])
    assert expected == records_in(saying(said))
