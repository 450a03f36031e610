"""Workload Identity Federation: pools and their providers.

Both are deleted softly: for 30 days they can be brought back, and their ids stay taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from leitstand.sandbox.errors import failed_precondition, invalid, not_found
from leitstand.sandbox.paging import page
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.rest.times import timestamp

__all__ = ["Pools", "Providers"]

ID = re.compile(r"(?!gcp-)[a-z0-9-]{4,32}")
ATTRIBUTE = re.compile(r"google\.(?:subject|groups)|attribute\.([a-z0-9_]{1,100})")
KEPT = timedelta(days=30)
KINDS = ("oidc", "aws", "saml", "x509")
# https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions
# These issuers serve all of their customers, so a condition must say whose tokens count.
SHARED_ISSUERS = (
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
)


class _Soft(Collection):
    """What pools and providers have in common.

    Attributes:
        list_field: Of a list's answer.
    """

    api: ClassVar[str] = "iam"
    operations: ClassVar[Literal["compute", "google", "plain"]] = "google"
    list_field: ClassVar[str]

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Ids and texts, and that it is not deleted."""
        identifier = name.rpartition("/")[2]
        if before is None and not ID.fullmatch(identifier):
            raise invalid(
                f"'{identifier}' is not an id: 4 to 32 of the characters [a-z0-9-], not beginning "
                "with gcp-.",
                self.id_from,
            )
        if len(body.get("displayName", "")) > 32:
            raise invalid("display_name cannot exceed 32 characters.", "display_name")
        if len(body.get("description", "")) > 256:
            raise invalid("description cannot exceed 256 characters.", "description")
        if before is not None and before.get("state") == "DELETED":
            raise failed_precondition(f"{before['name']} is deleted.")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Google writes these names with the project's number."""
        project = name.split("/")[1]
        number = self.park.number_of(project)
        body["name"] = name.replace(f"projects/{project}/", f"projects/{number}/", 1)
        body["state"] = "ACTIVE"

    def custom(self) -> Mapping[str, Custom]:
        """delete, undelete and list know about what is deleted."""
        return {"delete": self._delete, "undelete": self._undelete, "list": self._list}

    async def _delete(self, call: Call) -> Body:
        body = self.existing(call.name)
        if body["state"] == "DELETED":
            raise failed_precondition(f"{body['name']} is deleted already.")
        expires = timestamp(datetime.now(UTC) + KEPT)
        self.table[call.name] = {**body, "state": "DELETED", "expireTime": expires}
        return dict(self.table[call.name])

    async def _undelete(self, call: Call) -> Body:
        body = dict(self.existing(call.name))
        if body["state"] != "DELETED":
            raise failed_precondition(f"{body['name']} is not deleted.")
        body.pop("expireTime", None)
        self.table[call.name] = {**body, "state": "ACTIVE"}
        return dict(self.table[call.name])

    async def _list(self, call: Call) -> Body:
        prefix = f"{call.name}/{self.path.rpartition('.')[2]}/"
        deleted = call.params.get("showDeleted") == "true"
        found = sorted(
            name
            for name, body in self.table.items()
            if name.startswith(prefix) and (deleted or body["state"] != "DELETED")
        )
        shown, token = page(
            found,
            lambda name: (name,),
            int(call.params.get("pageSize", "0")),
            call.params.get("pageToken", ""),
        )
        more = {"nextPageToken": token} if token else {}
        return {self.list_field: [dict(self.table[name]) for name in shown], **more}


class Pools(_Soft):
    """Pools of external identities."""

    path: ClassVar[str] = "projects.locations.workloadIdentityPools"
    id_from: ClassVar[str] = "workloadIdentityPoolId"
    full_name: ClassVar[str] = (
        "projects/{project}/locations/{location}/workloadIdentityPools/{pool}"
    )
    list_field: ClassVar[str] = "workloadIdentityPools"
    immutable: ClassVar[tuple[str, ...]] = ("mode",)

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """Pools are global."""
        if name.split("/")[3] != "global":
            raise invalid("Workload identity pools exist in the location global only.", "parent")
        super().check(name, body, before)


class Providers(_Soft):
    """Who says who an external identity is; tokens are not exchanged in the sandbox."""

    path: ClassVar[str] = "projects.locations.workloadIdentityPools.providers"
    id_from: ClassVar[str] = "workloadIdentityPoolProviderId"
    full_name: ClassVar[str] = (
        "projects/{project}/locations/{location}/workloadIdentityPools/{pool}/providers/{provider}"
    )
    list_field: ClassVar[str] = "workloadIdentityPoolProviders"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """A pool that is there, one kind of provider, a sound mapping and condition."""
        super().check(name, body, before)
        pool = self.park.table("iam", Pools.path).get(name.partition("/providers/")[0])
        if pool is None or pool["state"] == "DELETED":
            raise not_found(name.partition("/providers/")[0])
        kinds = [kind for kind in KINDS if kind in body]
        if len(kinds) != 1:
            raise invalid("Exactly one of oidc, aws, saml and x509 must be set.")
        mapping = body.get("attributeMapping", {})
        if kinds != ["aws"] and "google.subject" not in mapping:
            raise invalid(
                "Attribute mapping must contain a mapping for google.subject.", "attribute_mapping"
            )
        for key in mapping:
            if not ATTRIBUTE.fullmatch(key):
                raise invalid(f"'{key}' is no attribute that can be mapped.", "attribute_mapping")
        if "oidc" in body:
            _check_oidc(body["oidc"])
        _check_condition(body, mapping)


def _check_oidc(oidc: Body) -> None:
    issuer = urlsplit(oidc.get("issuerUri", ""))
    if issuer.scheme != "https" or not issuer.netloc:
        raise invalid("The issuer URI must be a valid HTTPS URL.", "oidc.issuer_uri")
    audiences = oidc.get("allowedAudiences", ())
    if len(audiences) > 10 or any(len(audience) > 256 for audience in audiences):
        raise invalid(
            "At most 10 audiences of at most 256 characters are possible.",
            "oidc.allowed_audiences",
        )


def _check_condition(body: Body, mapping: Mapping[str, str]) -> None:
    condition = body.get("attributeCondition", "")
    if len(condition) > 4096:
        raise invalid("attribute_condition cannot exceed 4096 characters.", "attribute_condition")
    for attribute in re.findall(r"\battribute\.[a-z0-9_]+", condition):
        if attribute not in mapping:
            raise invalid(
                f"The attribute condition uses {attribute}, which is not mapped.",
                "attribute_condition",
            )
    issuer = urlsplit(body.get("oidc", {}).get("issuerUri", "")).hostname
    if issuer in SHARED_ISSUERS and not re.search(
        r"\b(?:assertion|attribute|google)\.\w", condition
    ):
        raise invalid(
            "The attribute condition must reference one of the provider's claims. For more "
            "information, see https://cloud.google.com/iam/docs/"
            "workload-identity-federation-with-deployment-pipelines#conditions",
            "attribute_condition",
        )
