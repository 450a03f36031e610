"""A secret is due by the age of what can be read of it."""

from leitstand.core.rotation.due import due_secrets
from tests.core.rotation.estate import DAY, NOW, secret

MONTH = 30 * 86400.0


def test_secrets_are_listed_by_urgency() -> None:
    listed = due_secrets(
        [
            secret("ruhig", "ENABLED"),
            secret("frisch", "ENABLED", age=DAY, period=MONTH),
            secret("alt", "ENABLED", age=31 * DAY, period=MONTH),
            secret("leer", "DISABLED", period=MONTH),
        ],
        NOW,
    )
    assert [("alt", True), ("leer", True), ("frisch", False), ("ruhig", False)] == [
        (due.secret, due.due) for due in listed
    ]
    assert [NOW - DAY, NOW, NOW + 29 * DAY, None] == [due.at for due in listed]
