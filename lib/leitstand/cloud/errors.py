"""Errors of the cloud adapters, translated once from Google's exceptions.

::

    LeitstandError
    ├── MissingCredentials (GateRefused)   no identity to act with
    ├── CloudRefused (RunFailed)           the API said no
    │   ├── AlreadyThere                   the name is taken
    │   ├── ApiDisabled                    the project does not use this API
    │   ├── Conflict                       someone else changed the resource meanwhile
    │   │   └── Busy                       another operation runs on the resource
    │   ├── NotFound                       there is no such resource
    │   ├── PermissionDenied               the identity may not do that
    │   └── QuotaExceeded                  the project has used up a quota
    └── CloudUnreachable (RunFailed)       no answer in time
"""

from collections.abc import Iterator
from contextlib import contextmanager

from leitstand.core.errors import GateRefused, RunFailed

__all__ = [
    "AlreadyThere",
    "ApiDisabled",
    "Busy",
    "CloudRefused",
    "CloudUnreachable",
    "Conflict",
    "MissingCredentials",
    "NotFound",
    "PermissionDenied",
    "QuotaExceeded",
    "translated",
]


class MissingCredentials(GateRefused):
    """There are no Application Default Credentials."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"Für {environment} gibt es auf diesem Rechner keine Anmeldung bei Google Cloud.",
            "Melden Sie sich an mit: gcloud auth application-default login.",
        )


class CloudRefused(RunFailed):
    """The API refused a call."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"Google Cloud lehnt ab: {what}: {reason}",
            "Beheben Sie die Ursache, und setzen Sie den Lauf fort.",
        )
        self.what = what
        self.reason = reason


class Conflict(CloudRefused):
    """The resource was changed by someone else since it was read."""

    def __init__(self, what: str, reason: str) -> None:
        RunFailed.__init__(
            self,
            f"{what}: Jemand anderes hat die Ressource seit der Beobachtung geändert.",
            "Prüfen Sie, wer sie geändert hat, und starten Sie das Runbook neu.",
        )
        self.what = what
        self.reason = reason


class Busy(Conflict):
    """Another operation runs on the resource, or it is not ready yet; waiting helps."""

    def __init__(self, what: str, reason: str) -> None:
        RunFailed.__init__(
            self,
            f"{what}: Auf der Ressource läuft noch eine andere Operation.",
            "Warten Sie ihr Ende ab, und setzen Sie den Lauf fort.",
        )
        self.what = what
        self.reason = reason


class ApiDisabled(CloudRefused):
    """The project does not use this API; none of its resources exist."""

    def __init__(self, what: str, reason: str) -> None:
        RunFailed.__init__(
            self,
            f"{what}: Die API ist im Projekt nicht eingeschaltet: {reason}",
            "Schalten Sie sie ein, und setzen Sie den Lauf nach einigen Minuten fort.",
        )
        self.what = what
        self.reason = reason


class PermissionDenied(CloudRefused):
    """The identity that acts may not do that.

    Attributes:
        permission: The permission that is missing; empty where the API does not name it.
        resource: Full name of the resource; empty where the API does not name it.
    """

    def __init__(self, what: str, reason: str, permission: str = "", resource: str = "") -> None:
        missing = f"Die Berechtigung {permission}" if permission else "Eine Berechtigung"
        where = f" auf {resource}" if resource else ""
        RunFailed.__init__(
            self,
            f"{what}: {missing}{where} fehlt.",
            "Lassen Sie sie sich geben, und setzen Sie den Lauf fort.",
        )
        self.what = what
        self.reason = reason
        self.permission = permission
        self.resource = resource


class QuotaExceeded(CloudRefused):
    """The project has used up a quota."""

    def __init__(self, what: str, reason: str) -> None:
        RunFailed.__init__(
            self,
            f"{what}: Ein Kontingent des Projekts ist ausgeschöpft: {reason}",
            "Beantragen Sie ein höheres, und setzen Sie den Lauf fort.",
        )
        self.what = what
        self.reason = reason


class AlreadyThere(CloudRefused):
    """A resource of this name exists already."""


class NotFound(CloudRefused):
    """The resource does not exist."""


class CloudUnreachable(RunFailed):
    """The API did not answer in time."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            f"Google Cloud antwortet nicht: {what}: {reason}",
            "Prüfen Sie Netz und Status der Plattform, und setzen Sie den Lauf fort.",
        )
        self.what = what
        self.reason = reason


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn Google's exceptions into ours; ``what`` names the call in German.

    Raises:
        AlreadyThere: the name is taken.
        Conflict: ABORTED or a conflicting precondition.
        NotFound: the resource does not exist.
        CloudUnreachable: no answer, or not in time.
        CloudRefused: any other refusal.
    """
    from google.api_core import exceptions

    try:
        yield
    except exceptions.AlreadyExists as error:
        raise AlreadyThere(what, _reason(error)) from error
    except (exceptions.Aborted, exceptions.Conflict) as error:
        raise Conflict(what, _reason(error)) from error
    except exceptions.NotFound as error:
        raise NotFound(what, _reason(error)) from error
    except (
        exceptions.ServiceUnavailable,
        exceptions.DeadlineExceeded,
        exceptions.RetryError,
        exceptions.GatewayTimeout,
    ) as error:
        raise CloudUnreachable(what, _reason(error)) from error
    except exceptions.GoogleAPICallError as error:
        raise CloudRefused(what, _reason(error)) from error


def _reason(error: Exception) -> str:
    text = " ".join(str(getattr(error, "message", "") or error).split())
    return text if text.endswith(".") else f"{text}."
