"""What a rule would have had to see, and nobody could read: it is never taken as kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from leitstand.core.hardening.estate import Estate, Item
from leitstand.core.hardening.rule import Finding, Rule
from leitstand.core.reconcile import Unreadable

__all__ = ["telling_what_was_unseen"]


@dataclass(frozen=True)
class _Watched(Estate):
    """An estate that remembers of which kinds a rule asked for everything."""

    asked: set[str] = field(default_factory=set)

    def all(self, kind: str) -> tuple[Item, ...]:
        self.asked.add(kind)
        return super().all(kind)


def telling_what_was_unseen(rule: Rule) -> Rule:
    """Return a rule that finds what ``rule`` finds, and what it asked for and could not see."""

    def look(estate: Estate) -> Iterator[Finding]:
        watched = _Watched(**vars(estate))
        yield from rule.look(watched)
        for key, body in watched.found.items():
            kind, name = key.split("/", 1)
            if isinstance(body, Unreadable) and kind in watched.asked - set(watched.listed):
                item = Item(kind, name, watched.names.get(key, key), {})
                text = f"Die Regel ist nicht ganz geprüft. {body.reason}"
                yield watched.unobserved(item, "", None, text)

    return replace(rule, look=look)
