"""Typer's help in German."""

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["Command", "Group", "translate_help"]

_HELP = "Zeigt diese Hilfe."
_WORDS = {
    "ARGUMENTS_PANEL_TITLE": "Angaben",
    "OPTIONS_PANEL_TITLE": "Optionen",
    "COMMANDS_PANEL_TITLE": "Befehle",
    "DEFAULT_STRING": "[Vorgabe: {}]",
    "REQUIRED_LONG_STRING": "[nötig]",
}


class Command(TyperCommand):
    """A command whose help option explains itself in German."""

    def get_help_option(self, ctx: typer.Context) -> object:  # type: ignore[override]  # vendored
        """Return the help option."""
        return _german(super().get_help_option(ctx))


class Group(TyperGroup):
    """A group whose help option explains itself in German."""

    def get_help_option(self, ctx: typer.Context) -> object:  # type: ignore[override]  # vendored
        """Return the help option."""
        return _german(super().get_help_option(ctx))


def translate_help() -> None:
    """Set the German headings; call it only when help is shown, since it imports rich."""
    from typer import rich_utils

    for name, word in _WORDS.items():
        if hasattr(rich_utils, name):
            setattr(rich_utils, name, word)


def _german(option: object) -> object:
    if hasattr(option, "help"):
        option.help = _HELP
    return option
