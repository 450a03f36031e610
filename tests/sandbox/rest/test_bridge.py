"""REST requests that reach the handlers of the gRPC side, by Google's discovery documents."""

import base64

import pytest

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest.bridge import bridged
from leitstand.sandbox.rest.bridge_methods import METHODS
from tests.sandbox.rest.bridging import LOCATION, PROJECT, bridging, document

IMAGE = f"europe-west3-docker.pkg.dev/{PROJECT}/leitstand/web:1.0.0"
REPOSITORY = f"{LOCATION}/repositories/leitstand"
SECRET = f"projects/{PROJECT}/secrets/DATABASE_PASSWORD"
DATABASE = f"v1/projects/{PROJECT}/instances"
APIS = {"run": "run", "secretmanager": "secretmanager", "artifactregistry": "artifactregistry",
        "monitoring": "monitoring", "logging": "logging"}  # fmt: skip


@pytest.fixture(scope="module")
def park(tmp_path_factory):
    with bridging(tmp_path_factory.mktemp("bridge")) as handlers:
        yield handlers


@pytest.fixture(scope="module")
def repository(park):
    body = {
        "format": "DOCKER",
        "mode": "STANDARD_REPOSITORY",
        "description": "Images",
        "dockerConfig": {"immutableTags": True},
    }
    url = f"v1/{LOCATION}/repositories?repositoryId=leitstand"
    operation = park.done("artifactregistry", park.call("artifactregistry", "POST", url, body))
    return operation["response"]


def refused(code, call, *arguments):
    with pytest.raises(ApiError) as error:
        call(*arguments)
    assert error.value.code.name == code
    return error.value.message


def test_every_bridged_method_is_one_of_google_and_has_a_handler(park):
    for method_id, bridge in METHODS.items():
        api = method_id.partition(".")[0]
        assert method_id in document(APIS.get(api, "sqladmin")).methods
        assert bridge.path in park.handlers, method_id


def test_a_method_without_a_handler_is_not_bridged():
    assert bridged("run.projects.locations.services.getIamPolicy", {"resource": "x"}, {}) is None
    assert bridged("compute.networks.insert", {"project": "p"}, {}) is None


def test_parameters_become_fields_of_the_request():
    name = f"{LOCATION}/services/web"
    params = {
        "name": name,
        "updateMask": "template.service_account,defaultUriDisabled",
        "allowMissing": "true",
        "alt": "json",
    }
    body = {"template": {"serviceAccount": "web@p.iam.gserviceaccount.com"}, "name": "other"}
    assert bridged("run.projects.locations.services.patch", params, body) == (
        "/google.cloud.run.v2.Services/UpdateService",
        {
            "service": {**body, "name": name},
            "updateMask": "template.serviceAccount,defaultUriDisabled",
            "allowMissing": True,
        },
    )
    assert body["name"] == "other"
    assert bridged("sql.users.update", {"name": "u", "databaseRoles": "a,b"}, {}) == (
        "/google.cloud.sql.v1.SqlUsersService/Update",
        {"name": "u", "databaseRoles": ["a", "b"], "body": {}},
    )


def test_a_parameter_that_cannot_be_is_refused():
    patch = "run.projects.locations.services.patch"
    assert "TYPE_BOOL" in refused("INVALID_ARGUMENT", bridged, patch, {"allowMissing": "yes"}, {})
    refused("UNIMPLEMENTED", bridged, patch, {"forceNewRevision": "true"}, {})


def test_a_repository_has_the_images_that_were_pushed_to_its_address(park, repository):
    assert (repository["format"], repository["mode"]) == ("DOCKER", "STANDARD_REPOSITORY")
    assert repository["registryUri"] == f"europe-west3-docker.pkg.dev/{PROJECT}/leitstand"
    assert repository["@type"].endswith("artifactregistry.v1.Repository")
    assert repository["dockerConfig"] == {"immutableTags": True}
    tag = park.call("artifactregistry", "GET", f"v1/{REPOSITORY}/packages/web/tags/1.0.0")
    assert tag["version"].startswith(f"{REPOSITORY}/packages/web/versions/sha256:")
    shown = park.call("artifactregistry", "GET", f"v1/{REPOSITORY}/dockerImages?pageSize=1")
    assert shown["dockerImages"][0]["imageSizeBytes"].isdigit()
    assert shown["nextPageToken"]


def test_a_repository_is_changed_by_mask_and_keeps_its_format(park, repository):
    url = f"v1/{REPOSITORY}?updateMask="
    body = {"description": "Neu", "labels": {"team": "web"}, "format": "NPM"}
    changed = park.call("artifactregistry", "PATCH", f"{url}description", body)
    assert (changed["description"], changed.get("labels"), changed["format"]) == (
        "Neu",
        None,
        "DOCKER",
    )
    refused("INVALID_ARGUMENT", park.call, "artifactregistry", "PATCH", f"{url}format", body)
    again = f"v1/{LOCATION}/repositories?repositoryId=leitstand"
    refused("ALREADY_EXISTS", park.call, "artifactregistry", "POST", again, {"format": "DOCKER"})
    tag = f"v1/{REPOSITORY}/packages/web/tags/1.0.0"
    assert "immutable" in refused(
        "FAILED_PRECONDITION", park.call, "artifactregistry", "DELETE", tag
    )


def test_a_secret_gets_its_versions_over_rest(park):
    body = {
        "replication": {"automatic": {}},
        "labels": {"team": "web"},
        "annotations": {"grund": "Anwendung"},
    }
    url = f"v1/projects/{PROJECT}/secrets?secretId=DATABASE_PASSWORD"
    made = park.call("secretmanager", "POST", url, body)
    assert (made["name"], made["labels"], made["annotations"]) == (
        SECRET,
        body["labels"],
        body["annotations"],
    )
    payload = {"data": base64.b64encode(b"123456789").decode(), "dataCrc32c": "3808858755"}
    version = park.call("secretmanager", "POST", f"v1/{SECRET}:addVersion", {"payload": payload})
    assert (version["name"], version["state"]) == (f"{SECRET}/versions/1", "ENABLED")
    read = park.call("secretmanager", "GET", f"v1/{SECRET}/versions/latest:access")
    assert read == {"name": f"{SECRET}/versions/1", "payload": payload}
    wrong = {"payload": {**payload, "dataCrc32c": "1"}}
    refused(
        "INVALID_ARGUMENT", park.call, "secretmanager", "POST", f"v1/{SECRET}:addVersion", wrong
    )
    off = park.call("secretmanager", "POST", f"v1/{SECRET}/versions/1:disable", {})
    assert off["state"] == "DISABLED"
    park.call("secretmanager", "POST", f"v1/{SECRET}/versions/1:enable", {})
    changed = park.call(
        "secretmanager", "PATCH", f"v1/{SECRET}?updateMask=labels", {"labels": {"team": "db"}}
    )
    assert (changed["labels"], changed["annotations"]) == ({"team": "db"}, body["annotations"])
    listed = park.call("secretmanager", "GET", f"v1/{SECRET}/versions?filter=state:ENABLED")
    assert (len(listed["versions"]), listed["totalSize"]) == (1, 1)


def test_a_service_and_a_job_come_back_as_they_were_given(park, repository):
    template = {
        "serviceAccount": f"web@{PROJECT}.iam.gserviceaccount.com",
        "vpcAccess": {
            "networkInterfaces": [{"network": "vpc", "subnetwork": "run"}],
            "egress": "PRIVATE_RANGES_ONLY",
        },
        "containers": [
            {"image": IMAGE, "command": ["python", "manage.py"], "args": ["check"]},
        ],
    }
    body = {
        "ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
        "labels": {"team": "web"},
        "launchStage": "GA",
        "defaultUriDisabled": True,
        "invokerIamDisabled": True,
        "template": {**template, "maxInstanceRequestConcurrency": 30},
        "scaling": {"minInstanceCount": 0},
    }
    operation = park.call("run", "POST", f"v2/{LOCATION}/services?serviceId=web", body)
    assert operation["metadata"]["@type"] == "type.googleapis.com/google.cloud.run.v2.Service"
    assert "done" not in operation
    job = {"template": {"template": {**template, "maxRetries": 0, "timeout": "900s"}}}
    made = park.call("run", "POST", f"v2/{LOCATION}/jobs?jobId=migrate", job)
    made = park.done("run", made)
    assert made["response"]["name"] == f"{LOCATION}/jobs/migrate"
    park.done("run", operation)
    service = park.call("run", "GET", f"v2/{LOCATION}/services/web")
    for field in ("ingress", "labels", "launchStage", "defaultUriDisabled", "invokerIamDisabled"):
        assert service[field] == body[field]
    assert isinstance(service["generation"], str)
    kept = park.call("run", "GET", f"v2/{LOCATION}/jobs/migrate")["template"]["template"]
    for wanted, found in ((template, service["template"]), (template, kept)):
        assert found["serviceAccount"] == wanted["serviceAccount"]
        assert found["vpcAccess"] == wanted["vpcAccess"]
        container = wanted["containers"][0]
        assert container.items() <= found["containers"][0].items()
    assert (kept.get("maxRetries"), kept["timeout"]) == (0, "900s")


def test_a_service_is_changed_by_mask_and_by_etag(park, repository):
    url = f"v2/{LOCATION}/services/changed"
    template = {"containers": [{"image": IMAGE, "command": ["python", "manage.py"]}]}
    body = {"ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "template": template}
    made = park.call("run", "POST", f"v2/{LOCATION}/services?serviceId=changed", body)
    park.done("run", made)
    before = park.call("run", "GET", url)
    change = {"labels": {"team": "db"}, "ingress": "INGRESS_TRAFFIC_ALL", "etag": before["etag"]}
    patch = f"{url}?updateMask=labels"
    park.done("run", park.call("run", "PATCH", patch, change))
    after = park.call("run", "GET", url)
    assert (after["labels"], after["ingress"]) == ({"team": "db"}, before["ingress"])
    refused("ABORTED", park.call, "run", "PATCH", patch, change)
    listed = park.call("run", "GET", f"{url}/revisions")
    assert [one["name"].split("/")[5] for one in listed["revisions"]] == ["changed"]
    both = {"connector": f"{LOCATION}/connectors/c", "networkInterfaces": [{"network": "n"}]}
    wrong = {"template": {**before["template"], "vpcAccess": both}}
    message = refused("INVALID_ARGUMENT", park.call, "run", "PATCH", url, wrong)
    assert "can not be used together" in message


def test_a_failed_operation_has_googles_error(park, repository):
    template = {"containers": [{"image": f"{IMAGE}-none"}]}
    job = {"template": {"template": template}}
    operation = park.call("run", "POST", f"v2/{LOCATION}/jobs?jobId=broken", job)
    operation = park.done("run", operation)
    assert (operation["error"]["code"], operation.get("response")) == (9, None)
    assert operation["error"]["details"][0]["@type"].endswith("google.rpc.ErrorInfo")


def test_an_instance_with_a_service_attachment_is_made_over_rest(park):
    settings = {
        "tier": "db-custom-2-8192",
        "edition": "ENTERPRISE",
        "dataDiskSizeGb": "20",
        "ipConfiguration": {
            "ipv4Enabled": False,
            "privateNetwork": f"projects/{PROJECT}/global/networks/vpc",
            "sslMode": "ENCRYPTED_ONLY",
            "pscConfig": {"pscEnabled": True, "allowedConsumerProjects": [PROJECT]},
        },
        "databaseFlags": [
            {"name": "maintenance_work_mem", "value": "262144"},
            {"name": "max_parallel_maintenance_workers", "value": "4"},
            {"name": "cloudsql.iam_authentication", "value": "on"},
        ],
        "insightsConfig": {"queryInsightsEnabled": True, "queryStringLength": 1024},
    }
    body = {"name": "main", "databaseVersion": "POSTGRES_16", "settings": settings}
    operation = park.call("sqladmin", "POST", DATABASE, body)
    assert (operation["operationType"], operation["targetId"]) == ("CREATE", "main")
    assert "error" not in park.done("sqladmin", operation)
    main = park.call("sqladmin", "GET", f"{DATABASE}/main")
    assert (main["state"], main["region"]) == ("RUNNABLE", "europe-west3")
    assert "/regions/europe-west3/serviceAttachments/a-" in main["pscServiceAttachmentLink"]
    assert main["dnsName"].endswith(".europe-west3.sql.goog.")
    for field in ("ipConfiguration", "databaseFlags", "insightsConfig", "dataDiskSizeGb"):
        assert main["settings"][field] == settings[field]
    made = park.call("sqladmin", "POST", f"{DATABASE}/main/databases", {"name": "app"})
    park.done("sqladmin", made)
    user = {"name": "app", "password": "geheim", "databaseRoles": ["pg_monitor"]}
    park.done("sqladmin", park.call("sqladmin", "POST", f"{DATABASE}/main/users", user))
    found = park.call("sqladmin", "GET", f"{DATABASE}/main/users/app")
    assert (found["databaseRoles"], found.get("password")) == (
        ["cloudsqlsuperuser", "pg_monitor"],
        None,
    )
    version = main["settings"]["settingsVersion"]
    change = {"settings": {"dataDiskSizeGb": "30", "settingsVersion": version}}
    park.done("sqladmin", park.call("sqladmin", "PATCH", f"{DATABASE}/main", change))
    refused("FAILED_PRECONDITION", park.call, "sqladmin", "PATCH", f"{DATABASE}/main", change)
    park.done("sqladmin", park.call("sqladmin", "DELETE", f"{DATABASE}/main"))


def test_faults_and_the_log_of_calls_apply(park):
    from leitstand.sandbox.faults import Fault

    park.faults.add(Fault("SecretManagerService/ListSecrets", "fail"))
    url = f"v1/projects/{PROJECT}/secrets"
    refused("UNAVAILABLE", park.call, "secretmanager", "GET", url)
    park.call("secretmanager", "GET", url)
    codes = [call.code for call in park.rpc.calls() if call.method.endswith("/ListSecrets")]
    assert codes == ["UNAVAILABLE", "OK"]
