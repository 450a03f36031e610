"""Which method of which API a request means."""

from functools import cache

import pytest

from leitstand.sandbox.rest import discovery
from leitstand.sandbox.rest.apis import VERSIONS

load = cache(discovery.load)

ROUTES = [
    (
        "compute",
        "GET",
        "compute/v1/projects/p/global/networks/n",
        "compute.networks.get",
        {"project": "p", "network": "n"},
    ),
    (
        "compute",
        "POST",
        "compute/v1/projects/p/global/operations/o/wait",
        "compute.globalOperations.wait",
        {"project": "p", "operation": "o"},
    ),
    (
        "redis",
        "GET",
        "v1/projects/p/locations/l/instances/i/authString",
        "redis.projects.locations.instances.getAuthString",
        {"name": "projects/p/locations/l/instances/i"},
    ),
    (
        "iam",
        "POST",
        "v1/projects/p/serviceAccounts/a%40p.example:enable",
        "iam.projects.serviceAccounts.enable",
        {"name": "projects/p/serviceAccounts/a@p.example"},
    ),
    (
        "secretmanager",
        "GET",
        "v1/projects/p/secrets/s/versions/latest:access",
        "secretmanager.projects.secrets.versions.access",
        {"name": "projects/p/secrets/s/versions/latest"},
    ),
    (
        "iap",
        "POST",
        "v1/projects/p/iap_web/compute/services/7:getIamPolicy",
        "iap.getIamPolicy",
        {"resource": "projects/p/iap_web/compute/services/7"},
    ),
    (
        "dns",
        "DELETE",
        "dns/v1/projects/p/managedZones/z/rrsets/app.example./A",
        "dns.resourceRecordSets.delete",
        {"project": "p", "managedZone": "z", "name": "app.example.", "type": "A"},
    ),
    (
        "serviceusage",
        "POST",
        "v1/projects/p/services:batchEnable",
        "serviceusage.services.batchEnable",
        {"parent": "projects/p"},
    ),
    ("pubsub", "PUT", "v1/projects/p/topics/t", "pubsub.projects.topics.create", None),
    ("servicenetworking", "GET", "v1/operations/o", "servicenetworking.operations.get", None),
]


@pytest.mark.parametrize(("api", "http", "path", "method", "values"), ROUTES)
def test_a_request_means_a_method_and_names_its_values(api, http, path, method, values):
    found, given = load(api).route(http, path)
    assert method == found.id
    assert values in (given, None)


@pytest.mark.parametrize(
    ("http", "path"),
    [
        ("GET", "compute/v1/projects/p/global/nothing"),
        ("PUT", "compute/v1/projects/p/global/networks/n"),
        ("GET", "projects/p/global/networks/n"),
    ],
)
def test_what_the_document_lacks_means_nothing(http, path):
    assert load("compute").route(http, path) is None


def test_a_method_knows_its_collection_its_schemas_and_what_follows_its_colon():
    method = load("redis").methods["redis.projects.locations.instances.export"]
    assert "projects.locations.instances" == method.collection
    assert ("export", "export") == (method.verb, method.suffix)
    assert ("ExportInstanceRequest", "Operation") == (method.request, method.response)


@pytest.mark.parametrize("api", sorted(set(VERSIONS) - {"compute"}))
def test_every_served_api_has_its_document(api):
    assert (api, VERSIONS[api]) == (load(api).name, load(api).version)
