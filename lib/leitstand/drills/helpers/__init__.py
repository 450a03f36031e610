"""Processes that a fault leaves running; see processes.py."""
