"""Resource names of Google's APIs."""

__all__ = ["short_name"]


def short_name(name: str) -> str:
    """Return the last part of a full resource name."""
    return name.rsplit("/", 1)[-1]
