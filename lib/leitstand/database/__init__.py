"""Reads and fences PostgreSQL databases through psycopg."""
