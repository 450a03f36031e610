"""Which deviations were agreed upon: of the world from the file, and of the file from production.

A deviation is agreed where it stands in the section ``deviations`` of an environment file, with a
reason. Everything else is found, not agreed, and somebody must decide.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from leitstand.core.environment import AgreedDeviation
from leitstand.core.reconcile import Deviation

if TYPE_CHECKING:
    from leitstand.core.hardening.rule import Severity

__all__ = [
    "Agreement",
    "Contrast",
    "Departure",
    "changed_paths",
    "classify",
    "contrasts",
    "environment_path",
    "undocumented",
]

_ABSENT = object()
_OF_JOB = re.compile(r"^template\.(template\.)?(containers\.0\.)?")
"""What stands above a field of a job in its API, but not in the environment file."""


def changed_paths(overlay: Mapping[str, Any], path: str = "") -> tuple[str, ...]:
    """Return the dotted paths of all values that an overlay states, without its deviations."""
    found: list[str] = []
    for key, value in overlay.items():
        here = f"{path}.{key}" if path else str(key)
        if here == "deviations":
            continue
        if isinstance(value, Mapping) and value:
            found += changed_paths(value, here)
        else:
            found.append(here)
    return tuple(found)


def undocumented(
    overlay_paths: Sequence[str],
    agreed: Sequence[AgreedDeviation],
    exempt: Collection[str] = (),
) -> tuple[str, ...]:
    """Return the paths that an overlay changes without a reason.

    Args:
        overlay_paths: What the overlay changes, see ``changed_paths``.
        agreed: The deviations that its file gives reasons for.
        exempt: Paths that differ in any two environments (project, domain), with what lies below.
    """
    known = [*(entry.path for entry in agreed), *exempt]
    return tuple(path for path in overlay_paths if not any(_covers(stem, path) for stem in known))


def environment_path(key: str, path: str = "") -> str:
    """Return where an environment file states a field of a resource.

    Args:
        key: Key of the resource, ``kind/id``.
        path: Dotted path within its body.
    """
    kind, _, name = key.partition("/")
    sections = {"run.services": "services", "run.jobs": "jobs"}
    stem = f"{sections.get(kind, f'resources.{kind}')}.{name}"
    inner = _OF_JOB.sub("", path) if kind == "run.jobs" else path
    return f"{stem}.{inner}" if inner else stem


@dataclass(frozen=True)
class Agreement:
    """What was agreed upon for an environment.

    Attributes:
        deviations: The entries of its file.
        overlay: Paths that its overlay changes. An entry that gives the reason for one of them
            does not excuse that the world differs from the overlay in turn.
    """

    deviations: tuple[AgreedDeviation, ...] = ()
    overlay: tuple[str, ...] = ()

    def reason(self, path: str) -> str:
        """Return why a path of the file deviates from production, or ``""``."""
        return next((entry.reason for entry in self.deviations if _covers(entry.path, path)), "")

    def tolerance(self, path: str) -> str:
        """Return why the world may differ from the file at a path, or ``""``."""
        return next(
            (
                entry.reason
                for entry in self.deviations
                if _covers(entry.path, path)
                and not any(_covers(entry.path, changed) for changed in self.overlay)
            ),
            "",
        )

    def excuse(self, rule: str, key: str) -> str:
        """Return why a resource may break a hardening rule, or ``""``.

        An entry about one resource excuses no other of the same kind.
        """
        return next(
            (
                entry.reason
                for entry in self.deviations
                if rule in entry.excuses and _meant(entry.path, key)
            ),
            "",
        )


@dataclass(frozen=True)
class Departure:
    """One place at which the world is not as the file says.

    Attributes:
        key: Key of the resource.
        resource: Its full name.
        path: Dotted path within its body; empty where all of it is missing or unreadable.
        wanted: What the file says.
        found: What is there.
        change: What would mend it: create, update, replace; or unreadable.
        blocked: Why that is not planned; German, or empty.
        agreed: Reason for which it was agreed upon; empty where it was not.
    """

    key: str
    resource: str
    path: str
    wanted: Any
    found: Any
    change: str
    blocked: str = ""
    agreed: str = ""

    @property
    def severity(self) -> "Severity":
        """How much it weighs: what is missing or unknown more than what differs."""
        return "warning" if self.change == "update" else "error"


def classify(
    deviations: Sequence[Deviation],
    agreement: Agreement,
    where: Callable[[str, str], str] = environment_path,
) -> tuple[Departure, ...]:
    """Return every single difference with the reason for which it was agreed upon.

    Args:
        deviations: What ``core.reconcile.compare`` found.
        agreement: What was agreed upon.
        where: Returns where a field of a resource stands in the environment file.
    """
    return tuple(
        Departure(
            deviation.key, deviation.name, path, wanted, found, deviation.change, deviation.blocked,
            # Nobody can have agreed to what nobody could read.
            "" if deviation.change == "unreadable" else agreement.tolerance(
                where(deviation.key, path)
            ),
        )
        for deviation in deviations
        for path, wanted, found in _places(deviation)
    )  # fmt: skip


def _places(deviation: Deviation) -> Iterator[tuple[str, Any, Any]]:
    if not deviation.differences:
        yield "", None, None
    for difference in deviation.differences:
        yield difference.path, difference.wanted, difference.found


@dataclass(frozen=True)
class Contrast:
    """One place at which the files of two environments differ.

    Attributes:
        path: Dotted path in the environment file.
        here: Value in the environment that is looked at; ``None`` where it has none.
        production: Value in production.
        agreed: Reason for the difference; empty where there is none.
    """

    path: str
    here: Any
    production: Any
    agreed: str = ""


def contrasts(
    here: Mapping[str, Any],
    production: Mapping[str, Any],
    agreement: Agreement,
    exempt: Collection[str] = (),
) -> tuple[Contrast, ...]:
    """Return where the files of two environments differ, each with its reason.

    Args:
        here: The environment that is looked at, as data.
        production: The production environment, as data.
        agreement: What was agreed upon for the former.
        exempt: Paths that differ in any two environments, with what lies below; left out.
    """
    return tuple(
        Contrast(path, first, second, agreement.reason(path))
        for path, first, second in _differing(here, production, "")
        if not any(_covers(stem, path) for stem in ("deviations", *exempt))
    )


def _differing(first: Any, second: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in dict.fromkeys((*first, *second)):
            here = f"{path}.{key}" if path else str(key)
            yield from _differing(first.get(key, _ABSENT), second.get(key, _ABSENT), here)
    elif first != second:
        yield path, None if first is _ABSENT else first, None if second is _ABSENT else second


def _covers(stem: str, path: str) -> bool:
    """Return whether ``path`` is ``stem`` or lies below it; snake and camel case are the same."""
    above, below = _plain(stem), _plain(path)
    return below == above or below.startswith(f"{above}.")


def _plain(path: str) -> str:
    return path.replace("_", "").lower()


def _meant(path: str, key: str) -> bool:
    """Return whether an entry about ``path`` may speak of the resource ``key``."""
    place = environment_path(key)
    group = place.removesuffix(f".{key.partition('/')[2]}")
    about_one = _covers(group, path) and _plain(path) != _plain(group)
    return not about_one or _covers(place, path)
