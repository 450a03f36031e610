"""Personal data: what of a person may stand in a row that somebody shows."""

import re
from collections.abc import Callable

__all__ = ["PERSONAL", "PERSONAL_KEY"]

_ROBOTS = re.compile(r"gserviceaccount\.com$|^git@")
_NO_PERSON = ("group:", "serviceAccount:", "domain:", "Group:", "principalSet:")
_CARD = re.compile(r"kart|card|visa", re.IGNORECASE)
_AUTHORITY = re.compile(r"://[^/\s@]*$")


def _is_person(text: str, match: "re.Match[str]") -> bool:
    """Leave out service accounts, which are resources, and the user and host of a URL."""
    start = match.start()
    if _ROBOTS.search(match.group()) or text.endswith(_NO_PERSON, max(0, start - 20), start):
        return False
    return not _AUTHORITY.search(text, max(0, start - 200), start)


def _is_iban(_: str, match: "re.Match[str]") -> bool:
    """Check the two digits (ISO 13616, modulo 97)."""
    compact = re.sub(r"\s", "", match.group())
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _is_card(text: str, match: "re.Match[str]") -> bool:
    """Check the last digit (ISO/IEC 7812, Luhn); four figures side by side are no card."""
    start = match.start()
    if match[1] == " " and not _CARD.search(text, max(0, start - 40), start):
        return False
    digits = [int(character) for character in match.group() if character.isdigit()]
    doubled = [2 * digit - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


PERSONAL: tuple[
    tuple[str, tuple[str, ...], bool, str, Callable[[str, "re.Match[str]"], bool] | None],
    ...,
] = (
    (
        "email",
        ("@", "%40"),
        False,
        (
            r"(?<![\w.%+-])[\w.!#$&'*+/=?^{|}~-]{0,63}\w(?:@|%40)"
            r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![\w-])"
        ),
        _is_person,
    ),
    (
        "phone",
        ("+",),
        False,
        (
            r"(?<![\w.+])\+[1-9]\d{0,2}[ /-]?(?:\(0?\)[ -]?)?\(?\d{2,5}\)?"
            r"(?:[ /-]\d{2,5}){1,5}(?!\w)"
        ),
        None,
    ),
    ("phone", ("+49", "+43", "+41"), False, r"(?<![\w.+])\+4[139]\d{8,12}(?!\w)", None),
    (
        "iban",
        ("DE", "AT", "CH", "FR", "NL", "BE", "ES", "IT", "LU", "PL", "GB"),
        False,
        r"\b(?:DE|AT|CH|FR|NL|BE|ES|IT|LU|PL|GB)\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        _is_iban,
    ),
    (
        "card",
        ("kart", "card", "visa"),
        True,
        r"(?<![\w-])\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?![\w-])",
        _is_card,
    ),
)
"""Kind, needles, whether case matters not, pattern, and what says whether a match counts."""

PERSONAL_KEY = re.compile(
    r"^(?:vorname|nachname|familienname|first[-_ ]?name|last[-_ ]?name"
    r"|full[-_ ]?name|surname|telefon(?:nummer)?|phone(?:[-_ ]?number)?|mobil(?:e|nummer)?"
    r"|geburts(?:datum|tag)|birth(?:day|date)|date[-_]of[-_]birth|iban|anschrift|stra(?:ß|ss)e"
    r"|street(?:[-_]?address)?|steuer[-_]?id|ssn|sozialversicherungsnummer)$",
    re.IGNORECASE,
)
"""Names of columns and fields whose values are personal."""
