"""Errors of typed parameters, one cause each.

::

    InputError
    └── ParameterError
        ├── ParameterCellInvalid   the runbook declares its parameters wrongly
        ├── AssignmentMalformed    not name=value
        ├── ParameterRepeated      the same name twice
        ├── UnknownParameter       the runbook has no such parameter
        ├── MistypedParameter      a value of another type
        ├── UnknownChoice          none of the allowed values
        └── ParameterOutOfRange    below the minimum or above the maximum
"""

import difflib
from collections.abc import Sequence

from leitstand.core.errors import InputError

__all__ = [
    "AssignmentMalformed",
    "MistypedParameter",
    "ParameterCellInvalid",
    "ParameterError",
    "ParameterOutOfRange",
    "ParameterRepeated",
    "UnknownChoice",
    "UnknownParameter",
]


class ParameterError(InputError):
    """A parameter or its declaration cannot be used."""


class ParameterCellInvalid(ParameterError):
    """The parameters cell holds something else than typed literals.

    Attributes:
        line: Line of the cell, counted from 1.
        reason: German half sentence.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(
            f"Die Parameterzelle des Runbooks ist in Zeile {line} fehlerhaft: {reason}.",
            "Schreiben Sie dort „name: typ = wert  # Hilfe“ mit einem einfachen Wert.",
        )
        self.line = line
        self.reason = reason


class AssignmentMalformed(ParameterError):
    """The text is not ``name=value``.

    Attributes:
        text: What was given.
    """

    def __init__(self, text: str) -> None:
        super().__init__(
            f"„{text}“ ist keine Zuweisung.",
            "Schreiben Sie name=wert, zum Beispiel -p image=web:1.1.0.",
        )
        self.text = text


class ParameterRepeated(ParameterError):
    """The same parameter was given more than once.

    Attributes:
        name: The parameter.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Der Parameter „{name}“ ist mehrfach angegeben.",
            "Geben Sie ihn genau einmal an.",
        )
        self.name = name


class UnknownParameter(ParameterError):
    """The runbook has no such parameter.

    Attributes:
        name: What was given.
        known: The parameters that the runbook has.
    """

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"Den Parameter „{name}“ gibt es in diesem Runbook nicht.",
            _did_you_mean(name, known, "Dieses Runbook hat keine Parameter."),
        )
        self.name = name
        self.known = tuple(known)


class MistypedParameter(ParameterError):
    """The value has another type than the declaration.

    Attributes:
        name: The parameter.
        expected: German name of the declared type.
        value: What was given.
    """

    def __init__(self, name: str, expected: str, value: object) -> None:
        super().__init__(
            f"Der Parameter „{name}“ erwartet {expected}, nicht {_shown(value)}.",
            f"Geben Sie für „{name}“ {expected} an.",
        )
        self.name = name
        self.expected = expected
        self.value = value


class UnknownChoice(ParameterError):
    """The value is none of the allowed ones.

    Attributes:
        name: The parameter.
        value: What was given.
        choices: The allowed values.
    """

    def __init__(self, name: str, value: object, choices: Sequence[str | int]) -> None:
        super().__init__(
            f"Der Parameter „{name}“ kennt den Wert {_shown(value)} nicht.",
            _did_you_mean(str(value), [str(choice) for choice in choices], ""),
        )
        self.name = name
        self.value = value
        self.choices = tuple(choices)


class ParameterOutOfRange(ParameterError):
    """The value lies below the minimum or above the maximum.

    Attributes:
        name: The parameter.
        value: What was given.
        minimum: Smallest allowed value.
        maximum: Largest allowed value.
    """

    def __init__(
        self, name: str, value: int | float, minimum: int | float, maximum: int | float
    ) -> None:
        super().__init__(
            f"Der Parameter „{name}“ liegt mit {value} außerhalb des erlaubten Bereichs.",
            f"Geben Sie einen Wert von {minimum} bis {maximum} an.",
        )
        self.name = name
        self.value = value
        self.minimum = minimum
        self.maximum = maximum


def _did_you_mean(name: str, known: Sequence[str], nothing: str) -> str:
    if not known:
        return nothing
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"Meinten Sie „{close[0]}“? Möglich sind: {', '.join(known)}."
    return f"Möglich sind: {', '.join(known)}."


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, str) else repr(value)
    return f"„{text if len(text) <= 60 else text[:57] + '…'}“"
