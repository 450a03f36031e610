"""Service accounts: `iam.projects.serviceAccounts`."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import ClassVar

from leitstand.sandbox.errors import ApiError, invalid
from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.secret_rules import missing

__all__ = ["ServiceAccounts"]

ID = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])")


class ServiceAccounts(Collection):
    """Service accounts with their IAM policies."""

    api: ClassVar[str] = "iam"
    path: ClassVar[str] = "projects.serviceAccounts"
    id_from: ClassVar[str] = "accountId"
    wrapped: ClassVar[str] = "serviceAccount"
    full_name: ClassVar[str] = "projects/{project}/serviceAccounts/{account}"

    def identify(self, call: Call, resource: Body) -> str:
        """The name holds the address that follows from `accountId`."""
        account = str(call.body.get("accountId", ""))
        if not 6 <= len(account) <= 30:
            raise invalid(
                f'The account ID "{account}" does not have a length between 6 and 30.', "account_id"
            )
        if not ID.fullmatch(account):
            raise invalid(
                f'The account ID "{account}" must match [a-z]([-a-z0-9]*[a-z0-9]).', "account_id"
            )
        project = call.name.split("/")[1]
        return f"projects/{project}/serviceAccounts/{account}@{project}.iam.gserviceaccount.com"

    def check(self, name: str, body: Body, before: Body | None) -> None:
        """The lengths of the texts."""
        if len(body.get("displayName", "").encode()) > 100:
            raise invalid("The display name must not exceed 100 bytes.", "display_name")
        if len(body.get("description", "").encode()) > 256:
            raise invalid("The description must not exceed 256 bytes.", "description")

    def complete(self, name: str, body: Body, before: Body | None) -> None:
        """Address and numbers."""
        project, _, email = name.split("/")[1:]
        number = str(10**20 + zlib.crc32(email.encode()) * 10**10 + zlib.adler32(email.encode()))
        body.update(name=name, email=email, projectId=project)
        body.update(uniqueId=number, oauth2ClientId=number)

    def custom(self) -> Mapping[str, Custom]:
        """get (`projects/-` too), enable, disable and IAM."""
        methods = self.park.policies.methods(lambda call: self._existing(call.name))
        more = {"get": self._get, "enable": self._enable, "disable": self._disable}
        return {**methods, **more}

    async def _get(self, call: Call) -> Body:
        return dict(self.table[self._existing(call.name)])

    async def _enable(self, call: Call) -> Body:
        name = self._existing(call.name)
        self.table[name] = {key: v for key, v in self.table[name].items() if key != "disabled"}
        return {}

    async def _disable(self, call: Call) -> Body:
        name = self._existing(call.name)
        self.table[name] = {**self.table[name], "disabled": True}
        return {}

    def _existing(self, name: str) -> str:
        project, _, account = name.split("/")[1:4]
        for known, body in self.table.items():
            if account in (body["email"], body["uniqueId"]) and project in ("-", body["projectId"]):
                return str(known)
        raise _missing(account)


def _missing(account: str) -> ApiError:
    return missing(f"Service account {account} does not exist.")
