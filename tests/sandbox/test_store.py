"""The store keeps messages over a restart."""

import asyncio
import json
import stat

import pytest
from google.cloud import run_v2
from google.longrunning import operations_pb2

from leitstand.sandbox.store import Store, StoreDamaged

NAME = "projects/p/locations/l/services/web"


def service(**fields):
    return run_v2.Service(name=NAME, **fields)


def test_messages_of_both_kinds_are_there_again_after_a_restart(tmp_path):
    store = Store(tmp_path)
    store.table("services", run_v2.Service)[NAME] = service(generation=7, labels={"a": "b"})
    store.table("operations", operations_pb2.Operation)["op"] = operations_pb2.Operation(name="op")
    store.save()
    again = Store(tmp_path)
    assert service(generation=7, labels={"a": "b"}) == again.table("services", run_v2.Service)[NAME]
    assert again.table("operations", operations_pb2.Operation)["op"].name == "op"


def test_tables_that_nobody_asked_for_are_kept(tmp_path):
    store = Store(tmp_path)
    store.table("services", run_v2.Service)[NAME] = service()
    store.save()
    Store(tmp_path).save()
    assert list(Store(tmp_path).table("services", run_v2.Service)) == [NAME]


def test_a_message_changed_in_place_is_saved_at_the_end(tmp_path):
    store = Store(tmp_path)
    table = store.table("services", run_v2.Service)
    table[NAME] = service()
    store.save()
    table[NAME].generation = 3
    store.save()
    assert Store(tmp_path).table("services", run_v2.Service)[NAME].generation == 3


def test_changes_are_written_by_themselves_a_moment_later(tmp_path):
    async def change():
        store = Store(tmp_path)
        table = store.table("services", run_v2.Service)
        table[NAME] = service()
        table["other"] = service()
        del table["other"]
        await asyncio.sleep(0.3)

    asyncio.run(change())
    assert list(Store(tmp_path).table("services", run_v2.Service)) == [NAME]


def test_only_the_owner_can_read_the_file(tmp_path):
    store = Store(tmp_path)
    store.save()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_clear_empties_everything(tmp_path):
    store = Store(tmp_path)
    store.table("services", run_v2.Service)[NAME] = service()
    store.save()
    store = Store(tmp_path)
    store.clear()
    store.save()
    assert dict(Store(tmp_path).table("services", run_v2.Service)) == {}


def test_a_new_store_knows_that_it_is_new(tmp_path):
    assert Store(tmp_path).is_new
    Store(tmp_path).save()
    assert not Store(tmp_path).is_new


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"services": {NAME: {"name": 5}}})])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(StoreDamaged, match=r"state\.json"):
        Store(tmp_path).table("services", run_v2.Service)
