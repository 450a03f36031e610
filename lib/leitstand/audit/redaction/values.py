"""Whether what stands behind a key like `password` is a secret, a name, or a word."""

import re

__all__ = ["KEY", "is_name", "is_secret", "is_secret_key", "is_strong"]

KEY = (
    r"passw(?:or[dt]|d)|passphrase|kennwort|pgpass|pwd"
    r"|(?:api|access|secret|master|private|encryption|signing|account|auth|shared)[-_ ]?key"
    r"|token|secret|credentials?|session[-_]?id|csrftoken|auth[-_]?string|salt"
)
"""How the name of a field ends that holds a secret."""

_STRONG = re.compile(r"passw|passphrase|kennwort|pgpass|pwd|auth[-_]?string", re.IGNORECASE)
_WHOLE_KEY = re.compile(rf"(?:^|[\w.\-\s\[]*?)(?:{KEY})$", re.IGNORECASE)
_COUNTS = re.compile(r"(?:page|public)[-_]?(?:token|key)|_?public_key", re.IGNORECASE)
_RESOURCE = re.compile(
    r"^/?(?:projects|secrets|//?[a-z]+\.googleapis\.com)/|/(?:secrets|versions)/"
)
_VERSION_OF = re.compile(r"^[a-z][a-z0-9_-]{2,62}/(?:\d{1,5}|latest)$")
"""A version of a secret, as plans name it."""
_PLACE_HOLDER = re.compile(
    r"^(?:\$|<[^>]*>$|\{\{?|\*{3,}|…|\.{3}|%\(|%s|\[geheim:|x{3,}$"
    r"|[*&][a-z_]\w*$)"
)
_NAME = re.compile(r"^[A-Za-z][A-Za-z]*(?:[-_./:][A-Za-z]+|[-_./:]v?\d{1,6})*$")
_CODE = re.compile(
    r"^(?:(?:self|cls|os|request|settings|config|args|kwargs|environment|options|params|run)\.|[A-Za-z_]\w*(?:\.\w+)*[(\[]|[A-Za-z_]\w*\.(?:\w*(?:pass|pwd|secret"
    r"|token|key|value|auth)\w*)$)",
    re.IGNORECASE,
)
_WORDS = """ja nein gesetzt fehlt neu alt unverändert geändert rotiert erneuert leer vorhanden keine
    keiner keines kein wird ist muss der die das ein eine und oder aus von im in für mit nicht
    yes no set unset missing none null nil true false changed unchanged rotated required optional
    empty given absent present new old unknown hidden redacted masked password secret token value
    key str bytes text string int bool any secretstr optional latest version versionen geheimnis
    unquote fehlerhaft falsch richtig authentication authentifizierung required denied failed
    bearer basic invalid expired ungültig abgelaufen the a an is are was for of to"""
_NO_SECRET = frozenset(_WORDS.split())


def is_strong(key: str) -> bool:
    """Say whether a key names a password, whose value may look like a word."""
    return bool(_STRONG.search(key))


def is_secret_key(key: str) -> bool:
    """Say whether a field of this name may hold a secret."""
    return bool(_WHOLE_KEY.match(key)) and not _COUNTS.search(key)


def is_name(value: str) -> bool:
    """Say whether a text is made of words as names are, with nothing random in it."""
    return bool(_NAME.match(value)) and not _mixes_case(value)


def _mixes_case(value: str) -> bool:
    words = re.split(r"[-_./:]", value)
    return any(
        len(word) > 11
        and not word.islower()
        and not word.isupper()
        and len(re.findall(r"[A-Z]", word)) > len(word) // 5
        for word in words
    )


def is_secret(key: str, value: str, *, quoted: bool, prose: bool = False) -> bool:
    """Say whether the value behind a key is to be masked.

    Args:
        key: Name of the field; `is_secret_key` holds for it.
        value: What stands behind it.
        quoted: Whether it stood in quotation marks, or came as data.
        prose: Whether more words follow on the line.
    """
    plain = value.strip()
    if is_secret_key(plain) and plain.replace("_", "").isalpha():
        return False  # a list of names
    if len(plain) < 4 or plain.lower().rstrip(".,;:!?") in _NO_SECRET or key.endswith(plain):
        return False
    if _PLACE_HOLDER.match(plain) or _RESOURCE.search(plain) or _VERSION_OF.match(plain):
        return False
    if not quoted and _CODE.match(plain):
        return False
    if is_strong(key):
        if quoted and " " in plain and plain.replace(" ", "").isalpha():
            return False  # a sentence about a password
        return not (prose and plain.strip(".,;:").isalpha())
    if " " in plain or len(plain) < 8:
        return False
    return not is_name(plain)
