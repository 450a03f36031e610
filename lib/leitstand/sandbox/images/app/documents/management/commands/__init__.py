"""The application's own commands."""
