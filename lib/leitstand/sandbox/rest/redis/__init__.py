"""Memorystore for Redis: real redis-server processes behind the REST API."""
