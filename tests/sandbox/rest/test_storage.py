"""Cloud Storage: buckets, objects and their rules, over HTTP as Google's clients ask."""

import base64
import hashlib
import http.client
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from leitstand.sandbox.faults import Fault
from leitstand.sandbox.rest.engine import Request
from leitstand.sandbox.rest.server import RestServer
from leitstand.sandbox.rest.storage.content import digest_of
from leitstand.sandbox.rest.storage.shelf import Shelf
from tests.sandbox.rest.asking import PROJECT, asking

BUCKETS = f"/storage/storage/v1/b?project={PROJECT}"
CLOSED = {
    "uniformBucketLevelAccess": {"enabled": True},
    "publicAccessPrevention": "enforced",
}


class Late:
    """The engine as the supervisor hands it to the HTTP side."""

    def __init__(self, engine):
        self._engine = engine

    def serves(self, api):
        return True

    async def answer(self, *request):
        return await self._engine.answer(Request(*request))


class Client:
    """Sends requests over one connection."""

    def __init__(self, address, ask):
        self.connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        self.ask = ask

    def send(self, method, path, body=None, headers=None):
        """Status, headers and content of the answer."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        self.connection.request(method, path, data, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def __call__(self, method, path, body=None):
        """Status and JSON; of a refusal its reason."""
        status, _, content = self.send(method, path, body)
        data = json.loads(content) if content else {}
        return status, data["error"]["errors"][0]["reason"] if "error" in data else data

    def bucket(self, name, **settings):
        status, made = self("POST", BUCKETS, {"name": name, "location": "europe-west3", **settings})
        assert 200 == status, made
        return made

    def put(self, bucket, name, content, query=""):
        path = f"/storage/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name)}{query}"
        return self("POST", path, content)

    def content(self, bucket, name, query="", headers=None):
        path = f"/storage/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media{query}"
        return self.send("GET", path, headers=headers)

    def names(self, bucket, query=""):
        _, found = self("GET", f"/storage/storage/v1/b/{bucket}/o?{query}")
        return [one["name"] for one in found.get("items", ())]


def at(bucket, name=None):
    """The path of a bucket, or of an object."""
    end = "" if name is None else f"/o/{quote(name, safe='')}"
    return f"/storage/storage/v1/b/{bucket}{end}"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with asking(tmp_path_factory.mktemp("storage")) as ask:
        server = RestServer(Late(ask.engine), None)
        one = Client(ask.run(server.start()), ask)
        yield one
        one.connection.close()
        ask.run(server.close())


def test_a_bucket_shows_its_settings_as_google_does(client):
    made = client.bucket("shown", iamConfiguration=CLOSED)
    assert ("EUROPE-WEST3", "region", "STANDARD", "1") == (
        made["location"], made["locationType"], made["storageClass"], made["metageneration"],
    )  # fmt: skip
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["lockedTime"]
    assert (200, made) == client("GET", at("shown"))
    status, patched = client("PATCH", at("shown"), {"versioning": {"enabled": True}})
    assert (200, "2", CLOSED["publicAccessPrevention"]) == (
        status, patched["metageneration"], patched["iamConfiguration"]["publicAccessPrevention"],
    )  # fmt: skip
    assert "shown" in [one["name"] for one in client("GET", BUCKETS)[1]["items"]]


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"name": "Upper"}, 400, "invalid"),
        ({"name": "goog-x"}, 400, "invalid"),
        ({"name": "10.0.0.1"}, 400, "invalid"),
        ({"location": "atlantis"}, 400, "invalid"),
        ({"retentionPolicy": {"retentionPeriod": "0"}}, 400, "invalid"),
        ({"lifecycle": {"rule": [{"action": {"type": "Burn"}}]}}, 400, "invalid"),
        ({"colour": "red"}, 400, "invalid"),
    ],
)
def test_what_google_refuses_of_a_bucket_is_refused(client, change, status, reason):
    assert (status, reason) == client("POST", BUCKETS, {"name": "new-one", **change})


def test_a_taken_name_and_a_bucket_with_objects_are_conflicts(client):
    client.bucket("taken")
    assert (409, "conflict") == client("POST", BUCKETS, {"name": "taken"})
    client.put("taken", "x", b"1")
    assert (409, "conflict") == client("DELETE", at("taken"))
    assert (204, {}) == client("DELETE", at("taken", "x"))
    assert (204, {}) == client("DELETE", at("taken"))
    assert (404, "notFound") == client("GET", at("taken"))


def test_an_object_has_true_checksums_and_lies_where_its_name_says(client):
    client.bucket("plain")
    status, made = client.put("plain", "a/b c.bin", b"123456789")
    assert (200, "9", "4waSgw==") == (status, made["size"], made["crc32c"])
    digest = hashlib.md5(b"123456789").digest()
    assert base64.b64encode(digest).decode() == made["md5Hash"]
    assert (
        b"123456789"
        == (client.ask.park.directory / "storage" / "plain" / "a" / "b c.bin").read_bytes()
    )
    status, headers, content = client.content("plain", "a/b c.bin", headers={"Range": "bytes=2-4"})
    assert (206, b"345", "bytes 2-4/9") == (status, content, headers["Content-Range"])
    assert 416 == client.content("plain", "a/b c.bin", headers={"Range": "bytes=9-"})[0]
    assert 404 == client.content("plain", "nothing")[0]


def test_a_multipart_upload_brings_metadata_and_any_content(client):
    client.bucket("parts")
    content = b"\r\n--line\n\x00\r\n"
    body = b"\r\n".join(
        [
            b"--line", b"Content-Type: application/json", b"",
            json.dumps({"name": "m", "metadata": {"run": "7"}, "crc32c": "AAAAAA=="}).encode(),
            b"--line", b"Content-Type: application/x-thing", b"", content, b"--line--", b"",
        ]
    )  # fmt: skip
    path = "/storage/upload/storage/v1/b/parts/o?uploadType=multipart"
    headers = {"Content-Type": 'multipart/related; boundary="line"'}
    assert 400 == client.send("POST", path, body, headers)[0]
    right = body.replace(b', "crc32c": "AAAAAA=="', b"")
    status, _, answer = client.send("POST", path, right, headers)
    made = json.loads(answer)
    assert (200, {"run": "7"}, "application/x-thing") == (
        status, made["metadata"], made["contentType"],
    )  # fmt: skip
    assert content == client.content("parts", "m")[2]


def test_a_resumable_upload_comes_in_pieces(client):
    client.bucket("pieces")
    path = "/storage/upload/storage/v1/b/pieces/o?uploadType=resumable"
    status, headers, _ = client.send("POST", path, {"name": "r"})
    session = headers["Location"].partition("/storage/")[2]
    first, rest = {"Content-Range": "bytes 0-2/*"}, {"Content-Range": "bytes 3-4/5"}
    status, headers, _ = client.send("PUT", f"/storage/{session}", b"abc", first)
    assert (308, "bytes=0-2") == (status, headers["Range"])
    assert 200 == client.send("PUT", f"/storage/{session}", b"de", rest)[0]
    assert b"abcde" == client.content("pieces", "r")[2]
    assert 404 == client.send("PUT", f"/storage/{session}", b"de", rest)[0]


@pytest.mark.parametrize(
    ("code", "status", "again"), [("UNAVAILABLE", 503, 200), ("PERMISSION_DENIED", 403, 404)]
)
def test_a_resumable_upload_outlives_what_a_client_tries_again(client, code, status, again):
    client.bucket(f"again-{status}")
    path = f"/storage/upload/storage/v1/b/again-{status}/o?uploadType=resumable"
    _, headers, _ = client.send("POST", path, {"name": "r"})
    session = f"/storage/{headers['Location'].partition('/storage/')[2]}"
    client.ask.faults.add(Fault("storage.objects.insert", "fail", code))
    assert status == client.send("PUT", session, b"abc", {"Content-Range": "bytes 0-2/3"})[0]
    assert again == client.send("PUT", session, b"", {"Content-Range": "bytes */3"})[0]


def test_true_and_false_of_googles_client_are_truths_of_parameters_that_are_none_else(client):
    client.bucket("truths", versioning={"enabled": True})
    assert (200, "True") == (client.put("truths", "True", b"1")[0], client.names("truths")[0])
    assert ["True"] == client.names("truths", "prefix=True&versions=False")
    assert 400 == client("GET", f"{at('truths')}/o?versions=yes")[0]


def test_preconditions_are_kept(client):
    client.bucket("conditions")
    _, first = client.put("conditions", "x", b"1", "&ifGenerationMatch=0")
    assert (412, "conditionNotMet") == client.put("conditions", "x", b"2", "&ifGenerationMatch=0")
    generation = first["generation"]
    status, second = client.put("conditions", "x", b"2", f"&ifGenerationMatch={generation}")
    assert (200, True) == (status, int(second["generation"]) > int(generation))
    stale = f"{at('conditions', 'x')}?ifGenerationMatch={generation}"
    assert (412, "conditionNotMet") == client("DELETE", stale)
    assert 304 == client.send("GET", f"{at('conditions', 'x')}?ifMetagenerationNotMatch=1")[0]
    status, patched = client("PATCH", at("conditions", "x"), {"metadata": {"a": "b"}})
    assert ("2", second["generation"]) == (patched["metageneration"], patched["generation"])
    assert (412, "conditionNotMet") == client(
        "PATCH", f"{at('conditions')}?ifMetagenerationMatch=9", {"labels": {"a": "b"}}
    )


def test_a_retention_policy_refuses_to_delete_and_to_overwrite_and_can_be_locked(client):
    client.bucket("kept", retentionPolicy={"retentionPeriod": "3600"})
    _, made = client.put("kept", "x", b"1")
    assert made["retentionExpirationTime"] > made["timeCreated"]
    assert (403, "retentionPolicyNotMet") == client.put("kept", "x", b"2")
    assert (403, "retentionPolicyNotMet") == client("DELETE", at("kept", "x"))
    lock = f"{at('kept')}/lockRetentionPolicy"
    assert 400 == client("POST", lock)[0]
    assert (412, "conditionNotMet") == client("POST", f"{lock}?ifMetagenerationMatch=7")
    status, locked = client("POST", f"{lock}?ifMetagenerationMatch=1")
    assert (200, True) == (status, locked["retentionPolicy"]["isLocked"])
    for weaker in ({"retentionPeriod": "60"}, None):
        assert (403, "forbidden") == client("PATCH", at("kept"), {"retentionPolicy": weaker})
    longer = {"retentionPolicy": {"retentionPeriod": "7200"}}
    assert 200 == client("PATCH", at("kept"), longer)[0]
    assert b"1" == client.content("kept", "x")[2]


def test_a_versioned_bucket_keeps_what_was_overwritten_and_deleted(client):
    client.bucket("versions", versioning={"enabled": True})
    _, first = client.put("versions", "x", b"1")
    client.put("versions", "x", b"2")
    client("DELETE", at("versions", "x"))
    assert ([], ["x", "x"]) == (client.names("versions"), client.names("versions", "versions=True"))
    generation = first["generation"]
    assert b"1" == client.content("versions", "x", f"&generation={generation}")[2]
    one = f"{at('versions', 'x')}?generation={generation}"
    assert (204, {}) == client("DELETE", one)
    assert (404, "notFound") == client("GET", one)


def test_lists_know_prefixes_pages_and_names_that_are_no_paths(client):
    client.bucket("lists")
    for name in ("a", "a/b", "a/c", "a//d", "e/"):
        assert 200 == client.put("lists", name, name.encode())[0]
        assert name.encode() == client.content("lists", name)[2]
    assert ["a/b", "a/c"] == client.names("lists", "prefix=a/&startOffset=a/a")
    _, found = client("GET", f"{at('lists')}/o?delimiter=/")
    assert (["a"], ["a/", "e/"]) == ([one["name"] for one in found["items"]], found["prefixes"])
    _, page = client("GET", f"{at('lists')}/o?maxResults=2")
    rest = client.names("lists", f"pageToken={page['nextPageToken']}")
    assert ["a", "a//d", "a/b", "a/c", "e/"] == [one["name"] for one in page["items"]] + rest


def test_public_access_prevention_and_stale_etags_refuse_a_policy(client):
    client.bucket("policies", iamConfiguration=CLOSED)
    path = f"{at('policies')}/iam"
    _, policy = client("GET", path)
    assert "roles/storage.legacyBucketOwner" in [b["role"] for b in policy["bindings"]]
    open_ = {"role": "roles/storage.objectViewer", "members": ["allUsers"]}
    more = {**policy, "bindings": [*policy["bindings"], open_]}
    assert (412, "conditionNotMet") == client("PUT", path, more)
    open_["members"] = ["user:a@example.org"]
    assert 200 == client("PUT", path, more)[0]
    assert (412, "conditionNotMet") == client("PUT", path, more)


def test_a_lifecycle_rule_deletes_what_is_old_unless_it_must_be_kept(client):
    rule = {"action": {"type": "Delete"}, "condition": {"age": 30}}
    for bucket, more in (
        ("old", {}),
        ("held", {"retentionPolicy": {"retentionPeriod": "9000000"}}),
    ):
        client.bucket(bucket, lifecycle={"rule": [rule]}, **more)
        client.put(bucket, "x", b"1")
        client.put(bucket, "y", b"1")
        table = client.ask.park.table("storage", "objects")
        long_ago = (datetime.now(UTC) - timedelta(days=31)).isoformat()
        table[f"b/{bucket}/o/x"] = {**table[f"b/{bucket}/o/x"], "timeCreated": long_ago}
    assert (["y"], ["x", "y"]) == (client.names("old"), client.names("held"))


def test_a_change_of_an_old_generation_leaves_the_live_one_alone(client):
    client.bucket("older", versioning={"enabled": True})
    _, old = client.put("older", "x", b"1")
    _, live = client.put("older", "x", b"22")
    one = f"{at('older', 'x')}?generation={old['generation']}"
    status, changed = client("PATCH", one, {"metadata": {"a": "b"}})
    assert (200, old["generation"], "2") == (
        status, changed["generation"], changed["metageneration"],
    )  # fmt: skip
    assert {"a": "b"} == client("GET", one)[1]["metadata"]
    assert live == client("GET", at("older", "x"))[1]
    assert b"22" == client.content("older", "x")[2]


def age(client, bucket, name):
    """Have an object be a month old."""
    table = client.ask.park.table("storage", "objects")
    long_ago = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    key = f"b/{bucket}/o/{name}"
    table[key] = {**table[key], "timeCreated": long_ago}


def test_a_lifecycle_rule_spares_what_is_held(client):
    rule = {"action": {"type": "Delete"}, "condition": {"age": 30}}
    client.bucket("holds", lifecycle={"rule": [rule]})
    for name in ("temporaryHold", "eventBasedHold", "free"):
        client.put("holds", name, b"1")
        client("PATCH", at("holds", name), {name: True})
        age(client, "holds", name)
    assert ["eventBasedHold", "temporaryHold"] == client.names("holds")


def test_a_lifecycle_rule_makes_the_live_one_of_a_versioned_bucket_an_old_one(client):
    rule = {"action": {"type": "Delete"}, "condition": {"age": 30, "isLive": True}}
    client.bucket("faded", lifecycle={"rule": [rule]}, versioning={"enabled": True})
    _, made = client.put("faded", "x", b"1")
    age(client, "faded", "x")
    assert ([], ["x"]) == (client.names("faded"), client.names("faded", "versions=true"))
    assert b"1" == client.content("faded", "x", f"&generation={made['generation']}")[2]


def test_a_hold_keeps_an_object_live_in_a_versioned_bucket_too(client):
    client.bucket("clung", versioning={"enabled": True})
    client.put("clung", "x", b"1")
    client("PATCH", at("clung", "x"), {"temporaryHold": True})
    assert (403, "objectUnderActiveHold") == client.put("clung", "x", b"2")
    assert (403, "objectUnderActiveHold") == client("DELETE", at("clung", "x"))
    assert b"1" == client.content("clung", "x")[2]


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("failing", ["first", "last", "copied"])
def test_a_put_that_fails_leaves_what_was_there(client, tmp_path, monkeypatch, versioned, failing):
    bucket = f"broken-{versioned}-{failing}".lower()
    client.bucket(bucket, versioning={"enabled": versioned})
    _, before = client.put(bucket, "a/x", b"before")
    source = tmp_path / "content"
    source.write_bytes(b"new")
    digest = digest_of(source)
    real = os.replace

    def full(one, other):
        # A move aside goes on; so does one back.
        last = str(other).endswith("a/x") and str(one).endswith(".part")
        elsewhere = failing == "copied" and str(other).endswith(".part")
        if last or elsewhere:
            raise OSError("no space left on device")
        real(one, other)

    monkeypatch.setattr(os, "replace", full)
    shelf = Shelf(client.ask.park)
    if failing == "first":
        source.unlink()
    with pytest.raises(OSError, match=r"No such file|no space"):
        shelf.put(bucket, "a/x", source, digest, {})
    monkeypatch.undo()

    assert (failing != "first") == source.exists()
    assert (200, before) == client("GET", at(bucket, "a/x"))
    assert b"before" == client.content(bucket, "a/x")[2]
    assert ["x"] == [
        file.name for file in shelf.files.path(bucket, "a/x", before["generation"]).parent.iterdir()
    ]
    assert 200 == client.put(bucket, "a/x", b"after")[0]
    assert b"after" == client.content(bucket, "a/x")[2]
    assert ["a/x"] * (1 + versioned) == client.names(bucket, "versions=true")


def test_a_put_whose_directory_cannot_be_made_leaves_none_behind(client, tmp_path, monkeypatch):
    client.bucket("narrow")
    source = tmp_path / "content"
    source.write_bytes(b"new")
    shelf, real = Shelf(client.ask.park), Path.mkdir

    def full(directory, *args, **kwargs):
        if directory.name == "inner":
            raise OSError("no space left on device")
        real(directory, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(OSError, match="no space"):
        shelf.put("narrow", "outer/inner/x", source, digest_of(source), {})
    monkeypatch.undo()
    assert (b"new", []) == (source.read_bytes(), client.names("narrow"))
    _, made = client.put("narrow", "outer", b"1")
    assert "outer" == shelf.files.path("narrow", "outer", made["generation"]).name
