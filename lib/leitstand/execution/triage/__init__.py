"""Gathering all signals of an incident at once; nothing is changed."""

from leitstand.execution.triage.gathering import gather

__all__ = ["gather"]
