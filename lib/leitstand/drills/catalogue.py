"""All drills, put together from the families of faults."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from leitstand.core.errors import InputError
from leitstand.drills.drill import Drill, Mix

__all__ = ["Drill", "DrillUnknown", "Mix", "drills", "find_drill"]


class DrillUnknown(InputError):
    """There is no drill of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Eine Übung namens {name} gibt es nicht.",
            "leitstand drill list zeigt alle.",
        )
        self.name = name


@cache
def drills() -> Mapping[str, Drill]:
    """Return all drills by name, in the order of their names.

    Each module of ``leitstand.drills.faults`` with a tuple ``DRILLS`` adds its own.
    """
    from leitstand.drills import faults

    found: dict[str, Drill] = {}
    for module in pkgutil.iter_modules(faults.__path__, f"{faults.__name__}."):
        for drill in getattr(importlib.import_module(module.name), "DRILLS", ()):
            assert drill.name not in found, f"two drills are called {drill.name}"
            found[drill.name] = drill
    return dict(sorted(found.items()))


def find_drill(name: str) -> Drill:
    """Return the drill of that name.

    Raises:
        DrillUnknown: there is none.
    """
    try:
        return drills()[name]
    except KeyError:
        raise DrillUnknown(name) from None
