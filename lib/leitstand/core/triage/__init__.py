"""Deciding what an incident is: signals in, ranked hypotheses out; nothing is read or changed."""

__all__: list[str] = []
