"""Tenants and their documents: the schema that the code depends on."""
