"""Thin adapters over Google's own clients: one method, one call."""
