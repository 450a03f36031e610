"""Service accounts, projects and their policies, and Workload Identity Federation."""

import pytest

from leitstand.sandbox.rest.iam import ServiceAccounts
from leitstand.sandbox.rest.resourcemanager import Projects
from leitstand.sandbox.rest.workload_identity import Pools, Providers
from tests.sandbox.rest.parked import PROJECT, parked, refusal

ACCOUNTS = f"iam/v1/projects/{PROJECT}/serviceAccounts"
WEB = f"web-runtime@{PROJECT}.iam.gserviceaccount.com"
POOLS = f"iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools"
PROVIDERS = f"{POOLS}/github/providers"
GITHUB = {
    "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
    "attributeMapping": {
        "google.subject": "assertion.sub",
        "attribute.repository_id": "assertion.repository_id",
    },
    "attributeCondition": "assertion.repository_owner_id == '4711'",
}


@pytest.fixture(scope="module")
def park(tmp_path_factory):
    directory = tmp_path_factory.mktemp("iam")
    with parked(directory, ServiceAccounts, Projects, Pools, Providers) as one:
        one.call(
            "POST", ACCOUNTS, {"accountId": "web-runtime", "serviceAccount": {"displayName": "Web"}}
        )
        one.done("POST", f"{POOLS}?workloadIdentityPoolId=github", {"displayName": "GitHub"})
        yield one


def test_a_service_account_gets_address_and_number(park):
    account = park.call("GET", f"{ACCOUNTS}/{WEB}")
    assert (account["email"], account["displayName"]) == (WEB, "Web")
    assert account == park.call("GET", f"iam/v1/projects/-/serviceAccounts/{WEB}")
    assert account == park.call("GET", f"{ACCOUNTS}/{account['uniqueId']}")
    assert len(account["uniqueId"]) == 21


def test_the_description_of_a_service_account_changes_by_mask(park):
    body = {"serviceAccount": {"description": "Dienst"}, "updateMask": "description"}
    changed = park.call("PATCH", f"{ACCOUNTS}/{WEB}", body)
    assert (changed["description"], changed["displayName"]) == ("Dienst", "Web")


@pytest.mark.parametrize("identifier", ["kurz", "x" * 31, "Gross-Buchstaben", "ende-strich-"])
def test_ids_that_google_refuses_are_refused(park, identifier):
    assert refusal(park.call, "POST", ACCOUNTS, {"accountId": identifier})[0] == "INVALID_ARGUMENT"


def test_a_service_account_cannot_be_made_twice(park):
    assert refusal(park.call, "POST", ACCOUNTS, {"accountId": "web-runtime"})[0] == "ALREADY_EXISTS"


def test_policies_of_accounts_that_are_not_there_are_not_found(park):
    assert (
        refusal(park.call, "POST", f"{ACCOUNTS}/nobody@example.org:getIamPolicy")[0] == "NOT_FOUND"
    )


def test_a_projects_policy_takes_accounts_that_exist_and_wants_the_newest_etag(park):
    project = f"cloudresourcemanager/v3/projects/{PROJECT}"
    number = park.call("GET", project)["name"]
    assert park.call("GET", f"cloudresourcemanager/v3/{number}")["projectId"] == PROJECT
    before = park.call("POST", f"{project}:getIamPolicy", {})
    binding = {"role": "roles/cloudsql.client", "members": [f"serviceAccount:{WEB}"]}
    policy = {"policy": {"bindings": [binding], "etag": before["etag"]}}
    after = park.call("POST", f"{project}:setIamPolicy", policy)
    assert after["bindings"] == [binding]
    assert refusal(park.call, "POST", f"{project}:setIamPolicy", policy)[0] == "ABORTED"
    strange = {"role": "roles/viewer", "members": [f"serviceAccount:keine-{WEB}"]}
    message = refusal(
        park.call, "POST", f"{project}:setIamPolicy", {"policy": {"bindings": [strange]}}
    )
    assert "does not exist" in message[1]


def test_other_projects_are_not_shown(park):
    assert (
        refusal(park.call, "GET", "cloudresourcemanager/v3/projects/other")[0]
        == "PERMISSION_DENIED"
    )


def test_a_provider_stands_under_the_projects_number(park):
    operation = park.done("POST", f"{PROVIDERS}?workloadIdentityPoolProviderId=actions", GITHUB)
    assert "error" not in operation, operation
    provider = park.call("GET", f"{PROVIDERS}/actions")
    number = park.park.project_number
    assert provider["name"].startswith(
        f"projects/{number}/locations/global/workloadIdentityPools/github/"
    )
    assert provider == park.call("GET", f"iam/v1/{provider['name']}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attributeCondition": ""}, "must reference one of the provider's claims"),
        ({"attributeCondition": "true"}, "must reference one of the provider's claims"),
        ({"attributeCondition": "attribute.actor == 'x'"}, "which is not mapped"),
        ({"attributeMapping": {"attribute.a": "assertion.a"}}, "google.subject"),
        ({"attributeMapping": {"google.subject": "assertion.sub", "repo": "x"}}, "no attribute"),
        ({"oidc": {"issuerUri": "http://issuer.example"}}, "HTTPS"),
        ({"aws": {"accountId": "123456789012"}}, "Exactly one"),
    ],
)
def test_providers_that_google_refuses_are_refused(park, change, message):
    url = f"{PROVIDERS}?workloadIdentityPoolProviderId=strange"
    assert message in refusal(park.call, "POST", url, {**GITHUB, **change})[1]


def test_an_issuer_of_ones_own_needs_no_condition(park):
    own = {**GITHUB, "oidc": {"issuerUri": "https://issuer.example"}, "attributeCondition": ""}
    operation = park.done("POST", f"{PROVIDERS}?workloadIdentityPoolProviderId=private", own)
    assert "error" not in operation


def test_a_deleted_pool_can_be_brought_back_and_its_id_stays_taken(park):
    park.done("POST", f"{POOLS}?workloadIdentityPoolId=short-lived", {})
    park.done("DELETE", f"{POOLS}/short-lived")
    shown = [
        one["name"].rpartition("/")[2] for one in park.call("GET", POOLS)["workloadIdentityPools"]
    ]
    assert shown == ["github"]
    assert park.call("GET", f"{POOLS}/short-lived")["state"] == "DELETED"
    refused = refusal(park.call, "POST", f"{POOLS}?workloadIdentityPoolId=short-lived", {})
    assert refused[0] == "ALREADY_EXISTS"
    park.done("POST", f"{POOLS}/short-lived:undelete", {})
    assert park.call("GET", f"{POOLS}/short-lived")["state"] == "ACTIVE"
