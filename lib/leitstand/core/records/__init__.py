"""Sealed records: what a run was, as one signed statement in a chain."""
