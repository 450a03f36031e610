"""Secret Manager: secrets, versions, and the payloads behind them.

Values stand in the state file (mode 0600) and in answers of AccessSecretVersion, nowhere else.
"""

from __future__ import annotations

import secrets as random_values
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from google.cloud.secretmanager_v1 import types
from google.protobuf import empty_pb2

from leitstand.sandbox.checksums import crc32c
from leitstand.sandbox.errors import already_exists, failed_precondition, invalid
from leitstand.sandbox.paging import page
from leitstand.sandbox.references import UNCHECKED, References
from leitstand.sandbox.rest.policies import forget_policy
from leitstand.sandbox.secret_rules import (
    SECRET_ID,
    SECRET_NAME,
    VERSION_NAME,
    by_name,
    check_etag,
    check_mask,
    check_secret,
    filtered,
    in_state,
    missing,
    new_etag,
    newest_first,
)
from leitstand.sandbox.store import Store, raw

__all__ = ["Secrets"]

SERVICE = "/google.cloud.secretmanager.v1.SecretManagerService/"
LONGEST_PAYLOAD = 64 * 1024
PAGE = {"default": 25_000, "maximum": 25_000}
State = types.SecretVersion.State


class Secrets:
    """The secrets of all projects of the sandbox, by their full names."""

    def __init__(self, store: Store, references: References = UNCHECKED) -> None:
        self._references = references
        self._store = store
        self._secrets = store.table("secrets", types.Secret)
        self._versions = store.table("secret_versions", types.SecretVersion)
        self._payloads = store.table("secret_payloads", types.SecretPayload)

    def seed(self, listed: Iterable[Mapping[str, Any]]) -> None:
        """Create the listed secrets with as many versions of random values.

        Args:
            listed: Each `{"name": "projects/P/secrets/S", "versions": 2}`.
        """
        for item in listed:
            self._create(item["name"], types.Secret(replication={"automatic": {}}))
            for _ in range(int(item.get("versions", 1))):
                self._add(item["name"], random_values.token_urlsafe(24).encode())

    def value(self, name: str) -> bytes:
        """The payload of a version, as AccessSecretVersion would give it.

        Args:
            name: `projects/P/secrets/S/versions/V`; V is a number, `latest` or an alias.

        Raises:
            ApiError: NOT_FOUND, or FAILED_PRECONDITION where the version is not enabled.
        """
        version = self._version(name)
        if version.state != State.ENABLED:
            raise failed_precondition(
                f"Secret Version [{version.name}] is in {State(version.state).name} state."
            )
        return bytes(self._payloads[version.name].data)

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            SERVICE + "CreateSecret": self.create_secret,
            SERVICE + "GetSecret": self.get_secret,
            SERVICE + "ListSecrets": self.list_secrets,
            SERVICE + "UpdateSecret": self.update_secret,
            SERVICE + "DeleteSecret": self.delete_secret,
            SERVICE + "AddSecretVersion": self.add_secret_version,
            SERVICE + "GetSecretVersion": self.get_secret_version,
            SERVICE + "ListSecretVersions": self.list_secret_versions,
            SERVICE + "AccessSecretVersion": self.access_secret_version,
            SERVICE + "EnableSecretVersion": self.enable_secret_version,
            SERVICE + "DisableSecretVersion": self.disable_secret_version,
            SERVICE + "DestroySecretVersion": self.destroy_secret_version,
        }

    async def create_secret(self, request: types.CreateSecretRequest) -> types.Secret:
        """Create a secret without versions."""
        if not SECRET_ID.fullmatch(request.secret_id):
            raise invalid(f"Secret ID '{request.secret_id}' is not valid.", "secret_id")
        check_secret(request.secret)
        name = f"{request.parent}/secrets/{request.secret_id}"
        if not SECRET_NAME.fullmatch(name):
            raise invalid(f"'{request.parent}' is not projects/PROJECT.", "parent")
        if name in self._secrets:
            raise already_exists(name, "Secret")
        self._check_topics(name, request.secret)
        return self._create(name, request.secret)

    async def get_secret(self, request: types.GetSecretRequest) -> types.Secret:
        """One secret, without values."""
        return self._secret(request.name)

    async def list_secrets(self, request: types.ListSecretsRequest) -> types.ListSecretsResponse:
        """The project's secrets by name; `filter` may be `name:PART`."""
        prefix = f"{request.parent}/secrets/"
        names = sorted(name for name in self._secrets if name.startswith(prefix))
        names = filtered(names, request.filter)
        shown, token = page(names, by_name, request.page_size, request.page_token, **PAGE)
        return types.ListSecretsResponse(
            secrets=[self._secrets[name] for name in shown],
            next_page_token=token,
            total_size=len(names),
        )

    async def update_secret(self, request: types.UpdateSecretRequest) -> types.Secret:
        """Change the fields of the mask."""
        secret = self._secret(request.secret.name)
        check_etag(request.secret.etag, secret.etag)
        check_mask(request.update_mask.paths)
        aliases = request.secret.version_aliases
        if "version_aliases" in request.update_mask.paths:
            for alias, number in aliases.items():
                self._numbered(secret.name, str(number), alias)
        wanted = types.Secret(secret)
        request.update_mask.MergeMessage(
            raw(request.secret),
            raw(wanted),
            replace_message_field=True,
            replace_repeated_field=True,
        )
        check_secret(wanted, secret)
        if "topics" in request.update_mask.paths:
            self._check_topics(secret.name, wanted)
        return self._touch_secret(wanted)

    async def delete_secret(self, request: types.DeleteSecretRequest) -> empty_pb2.Empty:
        """Delete the secret, its versions and their values."""
        secret = self._secret(request.name)
        check_etag(request.etag, secret.etag)
        for name in self._of(secret.name):
            del self._versions[name]
            self._payloads.pop(name, None)
        del self._secrets[secret.name]
        forget_policy(self._store, secret.name)
        return empty_pb2.Empty()

    async def add_secret_version(
        self, request: types.AddSecretVersionRequest
    ) -> types.SecretVersion:
        """Add an enabled version with the next number."""
        secret = self._secret(request.parent)
        payload = cast(Any, raw(request)).payload
        if not payload.data:
            raise invalid("Payload data must not be empty.", "payload.data")
        if len(payload.data) > LONGEST_PAYLOAD:
            raise invalid("Payload data must not be longer than 65536 bytes.", "payload.data")
        if payload.HasField("data_crc32c") and payload.data_crc32c != crc32c(payload.data):
            raise invalid(
                "The checksum data_crc32c does not match the data.", "payload.data_crc32c"
            )
        return self._add(secret.name, payload.data)

    async def get_secret_version(
        self, request: types.GetSecretVersionRequest
    ) -> types.SecretVersion:
        """One version, without its value."""
        return self._version(request.name)

    async def list_secret_versions(
        self, request: types.ListSecretVersionsRequest
    ) -> types.ListSecretVersionsResponse:
        """The secret's versions, newest first; `filter` may be `state:ENABLED`."""
        names = self._of(self._secret(request.parent).name)
        found = in_state([self._versions[name] for name in names], request.filter)
        shown, token = page(found, newest_first, request.page_size, request.page_token, **PAGE)
        return types.ListSecretVersionsResponse(
            versions=shown, next_page_token=token, total_size=len(found)
        )

    async def access_secret_version(
        self, request: types.AccessSecretVersionRequest
    ) -> types.AccessSecretVersionResponse:
        """The value of an enabled version, with its checksum."""
        data = self.value(request.name)
        return types.AccessSecretVersionResponse(
            name=self._version(request.name).name,
            payload=types.SecretPayload(data=data, data_crc32c=crc32c(data)),
        )

    async def enable_secret_version(
        self, request: types.EnableSecretVersionRequest
    ) -> types.SecretVersion:
        """Make the version accessible."""
        return self._change(request, State.ENABLED)

    async def disable_secret_version(
        self, request: types.DisableSecretVersionRequest
    ) -> types.SecretVersion:
        """Make the version inaccessible; its value is kept."""
        return self._change(request, State.DISABLED)

    async def destroy_secret_version(
        self, request: types.DestroySecretVersionRequest
    ) -> types.SecretVersion:
        """Delete the value; the version stays as DESTROYED."""
        version = self._change(request, State.DESTROYED)
        self._payloads.pop(version.name, None)
        return version

    def _check_topics(self, name: str, secret: types.Secret) -> None:
        topics = [topic.name for topic in secret.topics]
        self._references.check_topics(name.split("/")[1], topics)

    def _create(self, name: str, given: types.Secret) -> types.Secret:
        secret = types.Secret()
        raw(secret).CopyFrom(raw(given))
        secret.name = name
        secret.create_time = datetime.now(UTC)
        return self._touch_secret(secret)

    def _touch_secret(self, secret: types.Secret) -> types.Secret:
        secret.etag = new_etag()
        self._secrets[secret.name] = secret
        return secret

    def _add(self, secret: str, data: bytes) -> types.SecretVersion:
        newest = self._of(secret)[:1]
        number = int(newest[0].rpartition("/")[2]) + 1 if newest else 1
        name = f"{secret}/versions/{number}"
        version = types.SecretVersion(
            name=name,
            create_time=datetime.now(UTC),
            state=State.ENABLED,
            replication_status={"automatic": {}},
            etag=new_etag(),
        )
        self._payloads[name] = types.SecretPayload(data=data)
        self._versions[name] = version
        return version

    def _change(self, request: Any, state: int) -> types.SecretVersion:
        version = self._version(request.name)
        check_etag(request.etag, version.etag)
        if version.state == State.DESTROYED:
            raise failed_precondition(f"Secret Version [{version.name}] is in DESTROYED state.")
        version.state = State(state)
        if state == State.DESTROYED:
            version.destroy_time = datetime.now(UTC)
        version.etag = new_etag()
        self._versions[version.name] = version
        return version

    def _secret(self, name: str) -> types.Secret:
        if not SECRET_NAME.fullmatch(name):
            raise invalid(f"'{name}' is not projects/PROJECT/secrets/SECRET.", "name")
        if name not in self._secrets:
            raise missing(f"Secret [{name}] not found.")
        return self._secrets[name]

    def _version(self, name: str) -> types.SecretVersion:
        match = VERSION_NAME.fullmatch(name)
        if match is None:
            raise invalid(f"'{name}' is not projects/…/secrets/…/versions/VERSION.", "name")
        secret = self._secret(match[1])
        if match[2] == "latest":
            newest = self._of(secret.name)[:1]
            if not newest:
                raise missing(f"Secret [{secret.name}] not found or has no versions.")
            return self._versions[newest[0]]
        aliases = secret.version_aliases
        number = str(aliases[match[2]]) if match[2] in aliases else match[2]
        return self._numbered(secret.name, number, match[2])

    def _numbered(self, secret: str, number: str, asked: str) -> types.SecretVersion:
        name = f"{secret}/versions/{number}"
        if name not in self._versions:
            raise missing(f"Secret Version [{secret}/versions/{asked}] not found.")
        return self._versions[name]

    def _of(self, secret: str) -> list[str]:
        """Names of the secret's versions, newest first."""
        prefix = f"{secret}/versions/"
        names = [name for name in self._versions if name.startswith(prefix)]
        return sorted(names, key=lambda name: -int(name.removeprefix(prefix)))
