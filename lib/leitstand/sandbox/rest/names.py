"""Full names of resources: which one the path of a request means."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Template", "within"]


class Template:
    """The form of full names, such as `projects/{project}/global/networks/{network}`."""

    def __init__(self, text: str) -> None:
        self._segments = text.split("/")

    def name_in(self, path: Sequence[str]) -> str:
        """The resource that a path names, or else as much of its parents as it names.

        Args:
            path: Decoded segments of the URL's path, without what follows a colon.
        """
        if self._segments[0] not in path:
            return ""
        start = list(path).index(self._segments[0])
        count = 0
        for wanted, given in zip(self._segments, path[start:], strict=False):
            if not (_varies(wanted) or wanted == given):
                break
            count += 1
        while count and not _varies(self._segments[count - 1]):
            count -= 1
        return "/".join(path[start : start + count])

    def whole(self, name: str) -> bool:
        """Whether that is the name of a resource, and not of a parent."""
        return len(name.split("/")) == len(self._segments) and self.covers(name)

    def covers(self, name: str) -> bool:
        """Whether that is a resource's name, or the beginning of one."""
        given = name.split("/")
        return len(given) <= len(self._segments) and all(
            _varies(wanted) or wanted == part
            for wanted, part in zip(self._segments, given, strict=False)
        )

    def below(self, parent: str, identity: str) -> str:
        """The full name of the resource with that id under that parent.

        Raises:
            ValueError: More than one variable is left open by the parent.
        """
        rest = self._segments[len(parent.split("/")) if parent else 0 :]
        if sum(map(_varies, rest)) != 1:
            raise ValueError(f"{'/'.join(self._segments)} leaves more open than one id")
        ends = [identity if _varies(segment) else segment for segment in rest]
        return "/".join([parent, *ends] if parent else ends)


def within(name: str, parent: str) -> bool:
    """Whether a resource lies below a parent, in which "-" stands for any one segment."""
    given, above = name.split("/"), parent.split("/") if parent else []
    return len(above) < len(given) and all(
        part in ("-", own) for part, own in zip(above, given, strict=False)
    )


def _varies(segment: str) -> bool:
    return segment.startswith("{")
