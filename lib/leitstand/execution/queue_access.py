"""How the task queue is reached: the address that the worker reads; it never leaves this layer."""

from functools import cached_property

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.core.errors import InputError

__all__ = ["NoQueue", "QueueAccess"]

_VARIABLE = "REDIS_URL"
_SERVICE = "worker"


class NoQueue(InputError):
    """The worker reads no address of a queue."""

    def __init__(self, environment: str) -> None:
        super().__init__(
            f"In {environment} liest der Worker keine Adresse einer Warteschlange ({_VARIABLE}).",
            "Ergänzen Sie die Variable mit einem Secret in der Umgebungsdatei,"
            " und stellen Sie den Dienst bereit.",
        )


class QueueAccess:
    """The URL of the Redis that holds the queue, as the running worker has it.

    Reads the worker's template and a secret value; changes nothing.
    """

    def __init__(self, connection: Connection) -> None:
        self._environment = connection.environment
        self._run = CloudRun(connection)
        self._secrets = Secrets(connection)

    @cached_property
    def url(self) -> str:
        """The URL, with its password.

        Raises:
            NoQueue: the worker reads none.
            NotFound: there is no worker.
        """
        template = self._run.service(self._environment.service_name(_SERVICE)).template
        for container in template.get("containers", []):
            for variable in container.get("env", []):
                source = (variable.get("value_source") or {}).get("secret_key_ref") or {}
                if variable.get("name") == _VARIABLE and source:
                    secret = str(source["secret"]).rsplit("/", 1)[-1]
                    name = f"projects/{self._environment.project}/secrets/{secret}"
                    return self._secrets.value(name, str(source["version"]))
        raise NoQueue(self._environment.name)
