"""IAM policies as Google keeps and refuses them."""

import asyncio

import pytest

from leitstand.sandbox.errors import ApiError, not_found
from leitstand.sandbox.rest.collection import Call
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.policies import Policies
from leitstand.sandbox.store import Store

NAME = "projects/p/secrets/s"
READER = "roles/secretmanager.secretAccessor"
USER = "user:anna@example.com"


@pytest.fixture
def policies():
    return Policies({})


def test_a_resource_without_a_policy_has_the_empty_one(policies):
    assert {"etag": "ACAB"} == policies.get(NAME)


def test_a_policy_is_kept_with_a_new_etag(policies):
    made = policies.set(NAME, {"bindings": [{"role": READER, "members": [USER]}]})
    assert made == policies.get(NAME)
    assert [{"role": READER, "members": [USER]}] == made["bindings"]
    assert made["etag"] != policies.set(NAME, made)["etag"]
    assert frozenset({USER}) == policies.members(NAME, READER)
    assert frozenset() == policies.members(NAME, "roles/viewer")


def test_bindings_of_one_role_become_one_and_those_without_members_vanish(policies):
    bindings = [
        {"role": READER, "members": [USER]},
        {"role": READER, "members": [USER, "group:ops@example.com"]},
        {"role": "roles/viewer", "members": []},
    ]
    made = policies.set(NAME, {"bindings": bindings})
    assert [{"role": READER, "members": [USER, "group:ops@example.com"]}] == made["bindings"]


def test_a_change_of_an_old_policy_is_refused(policies):
    old = policies.set(NAME, {"bindings": [{"role": READER, "members": [USER]}]})
    policies.set(NAME, old)
    with pytest.raises(ApiError, match="concurrent policy changes") as refused:
        policies.set(NAME, old)
    assert "ABORTED" == refused.value.code.name


@pytest.mark.parametrize(
    ("role", "member", "part"),
    [
        ("viewer", USER, "Role viewer is not supported"),
        ("roles/viewer", "anna@example.com", "is of an unknown type"),
        ("roles/viewer", "user:anna", "is of an unknown type"),
        ("roles/viewer", "principal://", "is of an unknown type"),
    ],
)
def test_roles_and_members_that_are_none_are_refused(policies, role, member, part):
    with pytest.raises(ApiError) as refused:
        policies.set(NAME, {"bindings": [{"role": role, "members": [member]}]})
    assert part in refused.value.message


@pytest.mark.parametrize(
    "member",
    [
        "allUsers",
        "domain:example.com",
        "serviceAccount:web@other.iam.gserviceaccount.com",
        "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/*",
        "projectOwner:p",
    ],
)
def test_every_kind_of_member_is_taken(policies, member):
    policies.set(NAME, {"bindings": [{"role": "projects/p/roles/own", "members": [member]}]})
    assert frozenset({member}) == policies.members(NAME, "projects/p/roles/own")


def test_conditions_need_version_three_and_keep_bindings_apart(policies):
    condition = {"title": "soon", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"}
    bindings = [
        {"role": READER, "members": [USER], "condition": condition},
        {"role": READER, "members": [USER]},
    ]
    with pytest.raises(ApiError, match="must have version 3"):
        policies.set(NAME, {"bindings": bindings})
    made = policies.set(NAME, {"version": 3, "bindings": bindings})
    assert (3, 2) == (made["version"], len(made["bindings"]))


def test_a_service_account_of_the_sandbox_must_be_there(tmp_path):
    park = Park(Store(tmp_path), tmp_path, "sample")
    email = "web@sample.iam.gserviceaccount.com"
    policy = {"bindings": [{"role": READER, "members": [f"serviceAccount:{email}"]}]}
    with pytest.raises(ApiError, match=f"Service account {email} does not exist"):
        park.policies.set(NAME, policy)
    accounts = park.table("iam", "projects.serviceAccounts")
    accounts[f"projects/sample/serviceAccounts/{email}"] = {"email": email}
    assert policy["bindings"] == park.policies.set(NAME, policy)["bindings"]


def test_a_policy_goes_with_its_resource_and_what_lies_below(policies):
    for name in (NAME, f"{NAME}/versions/1", f"{NAME}-other"):
        policies.set(name, {"bindings": [{"role": READER, "members": [USER]}]})
    policies.forget(NAME)
    assert frozenset() == policies.members(f"{NAME}/versions/1", READER)
    assert frozenset({USER}) == policies.members(f"{NAME}-other", READER)


def test_the_methods_of_a_kind_read_and_write_the_policy_of_its_resource(policies):
    def resource_of(call):
        if call.name != NAME:
            raise not_found(call.name)
        return call.name

    methods = policies.methods(resource_of)

    def ask(verb, name=NAME, **body):
        return asyncio.run(methods[verb](Call(f"x.{verb}", {}, body, name)))

    made = ask("setIamPolicy", policy={"bindings": [{"role": READER, "members": [USER]}]})
    assert made == ask("getIamPolicy")
    assert {"permissions": ["a.b"]} == ask("testIamPermissions", permissions=["a.b"])
    for verb in methods:
        with pytest.raises(ApiError, match="was not found"):
            ask(verb, "projects/p/secrets/other")
