"""The names that an environment gives to what every environment has, and their exchange."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leitstand.core.environment import Environment

__all__ = ["Words", "words_of"]

_PLACEHOLDER = re.compile(
    r"\$\{(repository_name|repository|project|number|domain|gui_domain|zone)\}"
)


@dataclass(frozen=True)
class Words:
    """The names of one environment, and the placeholders that stand for them.

    Attributes:
        names: Name by placeholder, without empty ones.
    """

    names: Mapping[str, str]

    def plain(self, value: Any) -> Any:
        """Return JSON data with placeholders in the place of the environment's names.

        A name also counts where it begins a longer one, as in ``PROJECT-records``; the longest
        name wins. Keys are texts too.
        """
        known = sorted(self.names.items(), key=lambda item: (-len(item[1]), item[0]))
        if not known:
            return value
        form = "|".join(f"({re.escape(name)})" for _, name in known)
        pattern = re.compile(rf"(?<![A-Za-z0-9_-])(?:{form})(?![a-z0-9_])")
        shown = [f"${{{placeholder}}}" for placeholder, _ in known]
        return _texts(
            value, lambda text: pattern.sub(lambda m: shown[(m.lastindex or 1) - 1], text)
        )

    def filled(self, value: Any) -> Any:
        """Return JSON data with the environment's names in the place of placeholders.

        A placeholder that the environment has no name for stays.
        """
        return _texts(
            value,
            lambda text: _PLACEHOLDER.sub(lambda m: self.names.get(m[1], m[0]), text),
        )


def words_of(environment: Environment, number: str = "") -> Words:
    """Return the names of an environment.

    Args:
        environment: Its file.
        number: The number that Google gave its project, where it is known.
    """
    repository = environment.artifact_registry.repository
    host, project, short = repository.split("/")
    location = host.removesuffix("-docker.pkg.dev")
    balancer = environment.load_balancer
    names = {
        "repository": repository,
        "repository_name": f"projects/{project}/locations/{location}/repositories/{short}",
        "project": environment.project,
        "number": number,
        "domain": balancer.domain,
        "gui_domain": balancer.gui_domain,
        "zone": balancer.zone,
    }
    return Words({placeholder: name for placeholder, name in names.items() if name})


def _texts(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(key)): _texts(inner, change) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts(inner, change) for inner in value]
    return value
