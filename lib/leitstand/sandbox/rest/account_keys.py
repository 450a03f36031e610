"""Keys of service accounts: `iam.projects.serviceAccounts.keys`.

A key is a real RSA key, which nothing outside the sandbox knows; its private part is answered once
and kept nowhere.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from leitstand.sandbox.rest.collection import Body, Call, Collection, Custom
from leitstand.sandbox.secret_rules import missing

__all__ = ["AccountKeys"]

NEVER = "9999-12-31T23:59:59Z"


class AccountKeys(Collection):
    """What a person has made; the keys that Google keeps for itself are not listed."""

    api: ClassVar[str] = "iam"
    path: ClassVar[str] = "projects.serviceAccounts.keys"
    items: ClassVar[str] = "keys"
    full_name: ClassVar[str] = "projects/{project}/serviceAccounts/{account}/keys/{key}"

    def custom(self) -> Mapping[str, Custom]:
        """create, since its answer holds what is never shown again."""
        return {"create": self._create}

    async def _create(self, call: Call) -> Body:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        account = self.park.table("iam", "projects.serviceAccounts").get(call.name)
        if account is None:
            raise missing(f"Service account {call.name.rsplit('/', 1)[-1]} does not exist.")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        id_ = secrets.token_hex(20)
        body: Body = {
            "name": f"{call.name}/keys/{id_}",
            "keyAlgorithm": "KEY_ALG_RSA_2048",
            "keyOrigin": "GOOGLE_PROVIDED",
            "keyType": "USER_MANAGED",
            "validAfterTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "validBeforeTime": NEVER,
        }
        self.table[body["name"]] = body
        file = {
            "type": "service_account",
            "project_id": account["projectId"],
            "private_key_id": id_,
            "private_key": private,
            "client_email": account["email"],
            "client_id": account["uniqueId"],
        }
        data = base64.b64encode(json.dumps(file).encode()).decode()
        return {**body, "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "privateKeyData": data}
