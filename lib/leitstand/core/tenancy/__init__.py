"""Tenants: how they are named, kept apart, added, and proven to be apart. Pure."""
