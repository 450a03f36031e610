"""Leitstand: runbooks as notebooks for a hardened Google Cloud production environment."""

__all__ = ["__version__"]

__version__ = "0.1.0"
