"""Handlers that rotate secrets.

A value is made, read and handed on in here only: it stands in no argument, no evidence and no
error. What is started twice after a crash has the same result as if it was started once: versions
have numbers that the plan states, and a password is set to what a version holds.
"""

from collections.abc import Mapping
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.smoke import Smoke
from leitstand.core.errors import LeitstandError
from leitstand.core.names import short_name
from leitstand.core.plan import Action
from leitstand.execution.executor import ActionFailed, Handler, Watch
from leitstand.execution.secret_values import Values, try_value

__all__ = ["secret_handlers"]


def secret_handlers(connection: Connection) -> dict[str, Handler]:
    """Return the handlers of secrets by kind of action.

    Args:
        connection: Of the environment.
    """
    values = Values(connection)
    return {
        "secret_add": _Add(values),
        "secret_try": _Try(values),
        "secret_state": _State(values.secrets),
        "secret_probe": _Probe(connection),
    }


class _Add:
    """Adds a version; its value is made here and now."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def reached(self, action: Action) -> bool:
        """Return whether the version is there; its number is this run's by the secret's lock."""
        version: int = action.arguments["version"]
        return self._values.secrets.newest_version(action.target) >= version

    def start(self, action: Action, etag: str) -> str:
        """Add it; a version that somebody else was faster to add makes ours useless."""
        wanted = action.arguments["version"]
        added = int(
            self._values.secrets.add_version(action.target, self._values.new(action.arguments))
        )
        if added != wanted:
            self._values.secrets.set_state(action.target, added, enabled=False)
            raise ActionFailed(
                action.id,
                f"{short_name(action.target)} hat schon eine Version {wanted}, die jemand anderes"
                " angelegt hat",
            )
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Read it back and compare its checksum."""
        version = action.arguments["version"]
        self._values.secrets.value(action.target, str(version))
        return {"version": version, "checksum": "crc32c"}


class _Try:
    """Tries a value before anything reads it: its checksum, and the login that it gives."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def reached(self, action: Action) -> bool:
        """Return that it is to be tried again: trying changes nothing."""
        return False

    def start(self, action: Action, etag: str) -> str:
        """Begin nothing; all happens in ``finish``."""
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Log in with it."""
        arguments = action.arguments
        value = self._values.secrets.value(action.target, str(arguments["version"]))
        try:
            tried = try_value(value, arguments["role"])
        except LeitstandError as error:
            raise ActionFailed(action.id, error.message) from error
        return {"checksum": "crc32c", "login": tried}


class _State:
    """Enables or disables a version."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def reached(self, action: Action) -> bool:
        """Return whether it is as wanted; what was never made needs no disabling."""
        wanted, found = action.arguments["state"], self._found(action)
        return found == wanted or (wanted == "DISABLED" and found in {"", "DESTROYED"})

    def start(self, action: Action, etag: str) -> str:
        """Change it."""
        if not self.reached(action):
            enabled = action.arguments["state"] == "ENABLED"
            self._secrets.set_state(action.target, action.arguments["version"], enabled=enabled)
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Look whether it is as wanted."""
        if not self.reached(action):
            number, state = action.arguments["version"], action.arguments["state"]
            raise ActionFailed(
                action.id, f"Version {number} von {short_name(action.target)} ist nicht {state}"
            )
        return {"state": self._found(action)}

    def _found(self, action: Action) -> str:
        versions = self._secrets.secret(action.target).versions
        return next((v.state for v in versions if v.number == action.arguments["version"]), "")


class _Probe:
    """Asks a candidate's pages before it has any traffic."""

    def __init__(self, connection: Connection) -> None:
        self._run = CloudRun(connection)
        self._smoke = Smoke(connection)
        self._test = connection.environment.release.smoke_test

    def reached(self, action: Action) -> bool:
        """Return that it is to be asked again: asking changes nothing."""
        return False

    def start(self, action: Action, etag: str) -> str:
        """Begin nothing; all happens in ``finish``."""
        return ""

    def finish(self, action: Action, operation: str, watch: Watch) -> Mapping[str, Any]:
        """Ask every page that answered before the rotation."""
        uri = self._run.service(action.target).tag_uri(action.arguments["tag"])
        if not uri:
            raise ActionFailed(action.id, "Die neue Revision ist nicht unter ihrem Tag erreichbar")
        statuses = {}
        for path in action.arguments["paths"]:
            watch(path)
            test = self._test
            probe = self._smoke.probe(uri, path, timeout=test.timeout, attempts=test.attempts)
            if not probe.passed:
                answer = str(probe.status or f"gar nicht ({probe.problem})")
                raise ActionFailed(
                    action.id,
                    f"{short_name(action.target)} arbeitet mit der neuen Version nicht: {path}"
                    f" antwortet {answer}",
                )
            statuses[path] = probe.status
        return {"statuses": statuses}
