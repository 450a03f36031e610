"""Buckets: `storage.buckets`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import ClassVar

import grpc

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.changes import fingerprint, merged, without_nulls
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.listing import page_of
from leitstand.sandbox.rest.serviceusage import require_enabled
from leitstand.sandbox.rest.storage.bucket_rules import (
    CHANGEABLE,
    check_bucket,
    check_name,
    fill,
)
from leitstand.sandbox.rest.storage.preconditions import require
from leitstand.sandbox.rest.storage.refusals import (
    bad,
    bucket_exists,
    no_bucket,
    not_empty,
    unmet,
)
from leitstand.sandbox.rest.storage.shelf import Shelf
from leitstand.sandbox.rest.times import timestamp

__all__ = ["Buckets"]

SERVICE = "storage.googleapis.com"
SITE = "https://www.googleapis.com/storage/v1"
PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})


class Buckets(Collection):
    """Buckets, their settings and their IAM policies."""

    api: ClassVar[str] = "storage"
    path: ClassVar[str] = "buckets"
    full_name: ClassVar[str] = "b/{bucket}"

    def custom(self) -> Mapping[str, Custom]:
        """All of it: no method of this API is as in newer ones."""
        return {
            "insert": self._insert,
            "get": self._get,
            "list": self._list,
            "patch": self._patch,
            "update": self._update,
            "delete": self._delete,
            "lockRetentionPolicy": self._lock,
            "getIamPolicy": self._policy,
            "setIamPolicy": self._set_policy,
            "testIamPermissions": self._test,
        }

    async def _insert(self, call: Call) -> Body:
        project = self._project(call.params["project"])
        given = without_nulls(call.body)
        name = str(given.get("name", ""))
        check_name(name)
        if f"b/{name}" in self.table:
            raise bucket_exists()
        kept = (*CHANGEABLE, "location", "customPlacementConfig", "hierarchicalNamespace")
        body: Body = {key: given[key] for key in kept if key in given}
        check_bucket(body, None)
        body |= {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "selfLink": f"{SITE}/b/{name}",
            "projectNumber": self.park.number_of(project),
            "generation": str(Shelf(self.park).next_generation()),
            "timeCreated": timestamp(),
        }
        fill(body, None)
        self.park.notes("storage", "projects")[name] = {"project": project}
        self.park.policies.set(f"b/{name}", {"bindings": _first_bindings(project)})
        return self._stored(body, 1)

    async def _get(self, call: Call) -> Body:
        body = self._existing(call)
        require(call.params, body, reads=True)
        return copy.deepcopy(body)

    async def _list(self, call: Call) -> Body:
        project = self._project(call.params["project"])
        prefix = f"b/{call.params.get('prefix', '')}"
        number = self.park.number_of(project)
        names = [
            name
            for name in sorted(self.table)
            if name.startswith(prefix) and self.table[name]["projectNumber"] == number
        ]
        shown, token = page_of(names, call.params)
        answer: Body = {"kind": "storage#buckets"}
        if shown:
            answer["items"] = [copy.deepcopy(self.table[name]) for name in shown]
        return answer | ({"nextPageToken": token} if token else {})

    async def _patch(self, call: Call) -> Body:
        before = self._existing(call)
        require(call.params, before, reads=False)
        change = {key: value for key, value in call.body.items() if key in CHANGEABLE}
        return self._changed(call, before, merged(before, change))

    async def _update(self, call: Call) -> Body:
        before = self._existing(call)
        require(call.params, before, reads=False)
        given = without_nulls(call.body)
        kept = {key: value for key, value in before.items() if key not in CHANGEABLE}
        return self._changed(call, before, kept | {k: given[k] for k in CHANGEABLE if k in given})

    async def _delete(self, call: Call) -> Body:
        body = self._existing(call)
        require(call.params, body, reads=False)
        name = body["name"]
        if Shelf(self.park).holds_something(name):
            raise not_empty()
        del self.table[f"b/{name}"]
        self.park.notes("storage", "projects").pop(name, None)
        self.park.policies.forget(f"b/{name}")
        return {}

    async def _lock(self, call: Call) -> Body:
        before = self._existing(call)
        require(call.params, before, reads=False)
        if not before.get("retentionPolicy"):
            raise bad(f"Bucket '{before['name']}' has no Retention Policy to lock.")
        policy = {**before["retentionPolicy"], "isLocked": True}
        return self._stored(
            {**before, "retentionPolicy": policy}, int(before["metageneration"]) + 1
        )

    async def _policy(self, call: Call) -> Body:
        return self._shown(self._existing(call)["name"])

    async def _set_policy(self, call: Call) -> Body:
        body = self._existing(call)
        name = body["name"]
        members = {m for binding in call.body.get("bindings", ()) for m in binding["members"]}
        enforced = body["iamConfiguration"]["publicAccessPrevention"] == "enforced"
        if members & PUBLIC and enforced:
            raise ApiError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "The member bindings allUsers and allAuthenticatedUsers are not allowed since"
                " public access prevention is enforced.",
                "conditionNotMet",
            )
        try:
            self.park.policies.set(f"b/{name}", call.body)
        except ApiError as error:
            if error.code is grpc.StatusCode.ABORTED:
                raise unmet() from error
            raise bad(error.message) from error
        return self._shown(name)

    async def _test(self, call: Call) -> Body:
        self._existing(call)
        # Who calls the sandbox may do everything.
        asked = [one for one in call.params.get("permissions", "").split(",") if one]
        return {"kind": "storage#testIamPermissionsResponse", "permissions": asked}

    def _shown(self, name: str) -> Body:
        policy = self.park.policies.get(f"b/{name}")
        policy.pop("auditConfigs", None)
        return {
            "kind": "storage#policy",
            "resourceId": f"projects/_/buckets/{name}",
            "version": 1,
            **policy,
        }

    def _changed(self, call: Call, before: Body, body: Body) -> Body:
        check_bucket(body, before)
        fill(body, before)
        return self._stored(body, int(before["metageneration"]) + 1)

    def _stored(self, body: Body, metageneration: int) -> Body:
        body["metageneration"] = str(metageneration)
        body["etag"] = fingerprint()
        body["updated"] = timestamp()
        self.table[f"b/{body['name']}"] = body
        return copy.deepcopy(body)

    def _existing(self, call: Call) -> Body:
        body = self.table.get(f"b/{call.params['bucket']}")
        if body is None:
            raise no_bucket()
        require_enabled(self.park, SERVICE)
        return body

    def _project(self, given: str) -> str:
        project = self.park.full_name(f"projects/{given}").partition("/")[2]
        if project not in self.park.projects:
            raise bad(f"Unknown project id: {given}")
        require_enabled(self.park, SERVICE, project)
        return project


def _first_bindings(project: str) -> list[Body]:
    """What every new bucket grants to the basic roles of its project."""
    people = [f"projectEditor:{project}", f"projectOwner:{project}"]
    return [
        {"role": "roles/storage.legacyBucketOwner", "members": people},
        {"role": "roles/storage.legacyBucketReader", "members": [f"projectViewer:{project}"]},
    ]
