"""Changes of resources keep what others have put there, and reach what they are about."""

import json
import subprocess
from typing import Any

import pytest

from leitstand.core.commands.block import Block, Setting
from leitstand.core.commands.families import block_of
from leitstand.core.plan import Action

HERE = "projects/p/locations/europe-west3"
LOCAL = Setting("sandbox", "p", "r", endpoint="http://127.0.0.1:1")
CALL = """curl() {
  case "$*" in
    *filter=*) echo '{"alertPolicies": [{"name": "projects/p/alertPolicies/77"}]}' ;;
    *) printf '%s\\n' "$@" >&2; [ -t 0 ] || cat ;;
  esac
}
"""


def block(kind: str, target: str, wanted: Any = None, before: Any = None) -> Block:
    verb = "delete_resource" if wanted is None else "update_resource"
    arguments = {"kind": kind, "id": target.rpartition("/")[2], "wanted": wanted or {}}
    return block_of(Action("x", verb, target, {**arguments, "before": before or {}}), LOCAL)


def run(command: str) -> tuple[str, str]:
    """Return what a call sends, and its words."""
    ended = subprocess.run(
        ["bash", "-eu"], input=CALL + command, text=True, capture_output=True, check=True
    )
    return ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("kind", "target", "wanted", "before", "mask"),
    [
        ("redis.instances", f"{HERE}/instances/main",
         {"redisConfigs": {"maxmemory-policy": "noeviction"}},
         {"redisConfigs.maxmemory-policy": "allkeys-lru"}, "redisConfigs"),
        ("artifactregistry.repositories", f"{HERE}/repositories/r", {"labels": {"a": "b"}},
         {"labels.a": None}, "labels"),
        ("servicenetworking.connections", "services/servicenetworking.googleapis.com/connections/c",
         {"network": "n", "reservedPeeringRanges": ["new"]}, {"reservedPeeringRanges": []},
         "reservedPeeringRanges"),
        ("run.services", f"{HERE}/services/web", {"template": {"timeout": "60s"}},
         {"template.timeout": "30s"}, "template.timeout,template.revision"),
    ],
    ids=["a map", "labels", "a list that others add to", "what the API must forget"],
)  # fmt: skip
def test_what_would_be_replaced_whole_is_edited_in_what_is_there(
    kind: str, target: str, wanted: Any, before: Any, mask: str
) -> None:
    read, edit, send = block(kind, target, wanted, before).commands
    assert read.endswith(">ressource.json")
    assert "ressource.json" in edit
    assert f"updateMask={mask}'" in send or send.endswith(f"updateMask={mask}")
    assert "--data @ressource.json" in send


def test_of_a_kind_that_is_read_by_list_only_the_object_is_sent() -> None:
    found = block("servicenetworking.connections", "services/s.googleapis.com/connections/c",
                  {"reservedPeeringRanges": ["new"]}, {"reservedPeeringRanges": []})  # fmt: skip
    assert "Lassen Sie in der Datei nur das eine Objekt der Liste stehen." in found.notes


def test_what_the_api_must_forget_is_to_be_deleted_from_the_file() -> None:
    service = f"{HERE}/services/web"
    template = block("run.services", service, {"template": {"timeout": "60s"}},
                     {"template.timeout": "30s"})  # fmt: skip
    ingress = block("run.services", service, {"ingress": "A"}, {"ingress": "B"})
    words = "Löschen Sie aus der Datei, falls es darin steht: template.revision."
    assert (True, False) == (words in template.notes, words in ingress.notes)


def test_a_field_of_its_own_is_changed_by_one_call() -> None:
    (change,) = block("redis.instances", f"{HERE}/instances/main",
                      {"memorySizeGb": 5, "redisConfigs": {"a": "b"}},
                      {"memorySizeGb": 4}).commands  # fmt: skip
    sent, words = run(change)
    assert {"memorySizeGb": 5} == json.loads(sent)
    assert "updateMask=memorySizeGb\n" in words


def test_what_the_api_has_named_is_changed_and_deleted_by_that_name() -> None:
    target = "projects/p/alertPolicies/failed-runs"
    (change,) = block("monitoring.alertPolicies", target, {"enabled": True},
                      {"enabled": False}).commands  # fmt: skip
    sent, words = run(change)
    place = "http://127.0.0.1:1/monitoring/v3/projects/p/alertPolicies/77"
    assert {"enabled": True} == json.loads(sent)
    assert f"{place}?updateMask=enabled\n" in words
    gone = block("monitoring.alertPolicies", target)
    assert f"{place}\n" in run(gone.commands[0])[1]
    assert "Die Liste muss leer sein." == gone.check


def test_a_service_account_is_sent_with_its_mask_beside_it() -> None:
    account = "projects/p/serviceAccounts/web@p.iam.gserviceaccount.com"
    (change,) = block("iam.serviceAccounts", account, {"displayName": "Web"},
                      {"displayName": "Alt"}).commands  # fmt: skip
    sent, words = run(change)
    expected = {"serviceAccount": {"displayName": "Web"}, "updateMask": "displayName"}
    assert expected == json.loads(sent)
    assert words.endswith(f"/v1/{account}\n")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("secretmanager.versions", "projects/p/secrets/s/versions/1"),
        ("servicenetworking.connections", "services/s.googleapis.com/connections/c"),
    ],
)
def test_what_no_delete_removes_is_told_for_doing_by_hand(kind: str, target: str) -> None:
    found = block(kind, target)
    assert () == found.commands
    assert target in found.what
