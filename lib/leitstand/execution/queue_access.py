"""How the task queue is reached: the address that the worker reads; it never leaves this layer."""

from functools import cached_property

from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.cloud.secrets import Secrets
from leitstand.core.cut_over import pinned_version
from leitstand.core.errors import InputError

__all__ = ["NoQueue", "QueueAccess"]

_SERVICE = "worker"


class NoQueue(InputError):
    """The worker reads no address of a queue.

    Attributes:
        secret: Short name of the secret that should hold it.
    """

    def __init__(self, environment: str, secret: str) -> None:
        super().__init__(
            f"In {environment} liest der Worker keine Adresse einer Warteschlange"
            f" (Secret {secret}).",
            "Ergänzen Sie die Variable mit diesem Secret in der Umgebungsdatei,"
            " und stellen Sie den Dienst bereit.",
        )
        self.secret = secret


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
        secret = self._environment.memorystore.url_secret
        version = pinned_version(template, secret)
        if not version:
            raise NoQueue(self._environment.name, secret)
        return self._secrets.value(
            f"projects/{self._environment.project}/secrets/{secret}", version
        )
