"""How many instances the environment file allows."""

from collections.abc import Mapping
from dataclasses import dataclass

from leitstand.core.errors import InputError

__all__ = ["BeyondLimits", "Limits", "check_limits"]


class BeyondLimits(InputError):
    """More or fewer instances are asked for than the environment file allows.

    Attributes:
        service: Short name.
        instances: So many were asked for.
        limit: So many are allowed.
        field: Dotted path of the limit in the file.
    """

    def __init__(self, service: str, instances: int, limit: int, field: str, file: str) -> None:
        side = "mehr" if instances > limit else "weniger"
        super().__init__(
            f"{'Eine Instanz' if instances == 1 else f'{instances} Instanzen'} von {service}"
            f" {'ist' if instances == 1 else 'sind'} {side} als erlaubt:"
            f" {field} in {file} steht auf {limit}.",
            "Wählen Sie eine erlaubte Zahl, oder ändern Sie zuerst die Grenze in der Datei.",
        )
        self.service = service
        self.instances = instances
        self.limit = limit
        self.field = field


@dataclass(frozen=True)
class Limits:
    """How many instances there may be.

    Attributes:
        minimum: At least so many.
        maximum: At most so many.
        affordable: So many does the database have connections for; None where that is no limit.
    """

    minimum: int
    maximum: int
    affordable: int | None = None


def check_limits(service: str, instances: int, limits: Limits, files: Mapping[str, str]) -> None:
    """Let a number of instances that was asked for pass only within the limits.

    Args:
        service: Short name.
        instances: How many.
        limits: What is allowed.
        files: By the limit's key in the section ``scaling``, the file that states it.

    Raises:
        BeyondLimits: it lies beyond.
    """
    for key, limit, beyond in (
        ("min_instance_count", limits.minimum, instances < limits.minimum),
        ("max_instance_count", limits.maximum, instances > limits.maximum),
    ):
        if beyond:
            field = f"services.{service}.scaling.{key}"
            raise BeyondLimits(service, instances, limit, field, files[key])
