"""Rules of identities: where each alone goes red, for ``test_rules``, and where none does."""

from leitstand.core.hardening import Estate
from tests.core.hardening.estate import PIPELINE, changed, healthy, listed, red, unlisted


def _condition(text: str) -> Estate:
    return changed("iam.providers/pipeline/github", "attributeCondition", text)


def _also(role: str, member: str) -> Estate:
    bindings = healthy().get("project.policy", "this").body["bindings"]  # type: ignore[union-attr]
    more = [*bindings, {"role": role, "members": [member]}]
    return changed("project.policy/this", "bindings", more)


RED: list[tuple[str, Estate]] = [
    ("federation-pins-repository", _condition("assertion.ref == 'refs/heads/main'")),
    ("federation-pins-repository", _condition("")),
    ("federation-pins-repository", _condition("assertion.repository_id == '812' || true")),
    ("federation-pins-numbers", _condition("assertion.repository == 'example/app'")),
    (
        "federation-members-narrow",
        changed(
            "iam.policy/pipeline",
            "bindings.0.members",
            [
                "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*"
            ],
        ),
    ),
    ("pipeline-has-six-roles", changed("project.policy/this", "bindings.0.role", "roles/owner")),
    ("pipeline-has-six-roles", _also("roles/editor", f"serviceAccount:{PIPELINE}")),
    (
        "no-roles-past-the-account",
        _also("roles/run.admin", "principalSet://iam.googleapis.com/projects/1/x/attribute.a/b"),
    ),
    (
        "no-basic-roles",
        _also("roles/editor", "serviceAccount:123456789012-compute@developer.gserviceaccount.com"),
    ),
    ("no-basic-roles", _also("roles/viewer", "allAuthenticatedUsers")),
    (
        "no-account-keys",
        listed(
            "iam.keys", {"name": "projects/p/serviceAccounts/a@b/keys/2", "keyType": "USER_MANAGED"}
        ),
    ),
    ("no-account-keys", unlisted("iam.keys")),
    (
        "own-service-accounts",
        changed(
            "run.services/worker",
            "template.serviceAccount",
            "123456789012-compute@developer.gserviceaccount.com",
        ),
    ),
]


def test_a_condition_may_list_what_it_admits() -> None:
    assert set() == red(_condition("assertion.repository_id in ['812', '813']"))
