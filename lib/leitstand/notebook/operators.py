"""Who operates a run: the account of the credentials; in the sandbox, that of the process."""

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leitstand.cloud.connection import Connection

__all__ = ["Operator", "operator_at", "operator_of", "process_account"]

_PROCESS = "process"


@dataclass(frozen=True)
class Operator:
    """Who operates a run.

    Attributes:
        name: Account name.
        source: How it was determined: ``process``, or the kind of credentials,
            see `leitstand.cloud.identity`.
    """

    name: str
    source: str

    @property
    def fields(self) -> dict[str, str]:
        """What a journal holds of it."""
        return {"operator": self.name, "operator_source": self.source}


def operator_at(connection: "Connection") -> Operator:
    """Return who acts through a connection; asks nobody in the sandbox.

    Raises:
        MissingCredentials: there are no Application Default Credentials.
    """
    credentials = connection.credentials
    if credentials is None:
        return Operator(process_account(), _PROCESS)
    from leitstand.cloud.identity import identity_of

    identity = identity_of(credentials)
    return Operator(identity.name, identity.source)


def operator_of(environment: str) -> Operator:
    """Return who acts in an environment, for the record.

    Where there are no credentials, or no such environment, that is the account of the process; a
    run gets no further there than to say so.
    """
    if environment in {"", "sandbox"}:
        return Operator(process_account(), _PROCESS)
    from leitstand.cloud.connection import Connection
    from leitstand.configuration import load_environment
    from leitstand.core.errors import LeitstandError

    try:
        return operator_at(Connection(load_environment(environment)))
    except LeitstandError:
        return Operator(process_account(), _PROCESS)


def process_account() -> str:
    """Return the name of the account that runs this process; no variable can change it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"
