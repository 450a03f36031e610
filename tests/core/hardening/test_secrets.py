"""Rules of secrets: where each alone goes red, for ``test_rules``, and where none does."""

import pytest

from leitstand.core.deviations import Agreement
from leitstand.core.hardening import Estate, examine
from leitstand.core.hardening.secrets import looks_secret
from tests.core.hardening.estate import changed, listed, secret, unlisted, with_variable

RED: list[tuple[str, Estate]] = [
    (
        "secret-versions-pinned",
        with_variable("run.services/web", secret("DATABASE_URL", "database-url", "latest")),
    ),
    (
        "secret-versions-pinned",
        changed(
            "run.services/beat",
            "template.volumes",
            [{"name": "key", "secret": {"secret": "database-url"}}],
        ),
    ),
    (
        "pinned-versions-enabled",
        changed("secretmanager.versions/litellm-database-url/1", "state", "DISABLED"),
    ),
    (
        "no-plain-secrets",
        with_variable("run.services/web", {"name": "DJANGO_SECRET_KEY", "value": "abc"}),
    ),
    (
        "no-plain-secrets",
        with_variable(
            "run.jobs/migrate", {"name": "CACHE", "value": "redis://:pw@10.0.0.3:6379/0"}
        ),
    ),
    (
        "no-plain-secrets",
        changed(
            "run.services/worker", "template.containers.0.args", ["--url", "amqp://app:pw@host/"]
        ),
    ),
    (
        "secrets-rotate",
        changed("secretmanager.secrets/database-url", "rotation.rotationPeriod", "7776001s"),
    ),
    ("secrets-rotate", changed("secretmanager.secrets/database-url", "rotation", {})),
    (
        "secrets-rotate",
        listed("secretmanager.secrets", {"name": "projects/123456789012/secrets/forgotten"}),
    ),
    ("secrets-rotate", unlisted("secretmanager.secrets")),
    ("rotation-announced", changed("secretmanager.secrets/database-url", "topics", [])),
    (
        "secret-access-named",
        changed("secretmanager.policy/database-url", "bindings.0.members", ["domain:example.com"]),
    ),
    (
        "secret-access-named",
        changed(
            "project.policy/this",
            "bindings.3.members",
            [
                "serviceAccount:pipeline@leitstand-prod.iam.gserviceaccount.com",
                "serviceAccount:web@leitstand-prod.iam.gserviceaccount.com",
            ],
        ),
    ),
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DJANGO_SECRET_KEY", True),
        ("API_TOKEN", True),
        ("PGPASSWORD", True),
        ("POSTGRES_PASSWORD", True),
        ("CLIENT_SECRET", True),
        ("KEY_PREFIX", False),
        ("MAX_TOKENS", False),
        ("APP_REQUIRED_SETTINGS", False),
    ],
)
def test_a_secret_is_known_by_the_end_of_its_name(name: str, expected: bool) -> None:
    assert expected == looks_secret(name)


def test_a_plain_value_is_never_shown() -> None:
    estate = with_variable("run.services/web", {"name": "API_TOKEN", "value": "hunter2"})
    assert "hunter2" not in repr(examine(estate, Agreement()))


def test_a_period_that_google_does_not_tell_is_no_breach() -> None:
    rotation = {"nextRotationTime": "2027-01-01T00:00:00Z"}
    estate = changed("secretmanager.secrets/database-url", "rotation", rotation)
    (finding,) = examine(estate, Agreement())
    assert ("secrets-rotate", False, "warning") == (
        finding.rule, finding.observed, finding.severity,
    )  # fmt: skip
