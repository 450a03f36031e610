"""Google's REST client before a whole sandbox, for methods that gRPC handlers answer."""

import base64
import time

import httplib2
import pytest
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from leitstand.sandbox import control
from tests.sandbox.supervised import EMPTY, IMAGE, PARENT, PROJECT

SEED = {**EMPTY, "secrets": [], "repositories": []}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    sandbox = control.start(tmp_path_factory.mktemp("bridge") / "sandbox", SEED, lifeline=True)

    def made(api, version):
        # The client takes the endpoint as it is: it must end as rootUrl + servicePath do.
        return build(
            api,
            version,
            http=httplib2.Http(timeout=10),
            static_discovery=True,
            client_options={"api_endpoint": f"{sandbox.rest}/{api}/"},
        )

    yield made
    sandbox.stop()


def done(get, operation):
    end = time.monotonic() + 15
    while not operation.get("done") and operation.get("status") != "DONE":
        assert time.monotonic() < end
        time.sleep(0.02)
        operation = get(operation["name"]).execute()
    assert "error" not in operation
    return operation


def test_a_repository_a_secret_and_a_service_are_made_from_nothing(client):
    registry = client("artifactregistry", "v1").projects().locations()
    body = {"format": "DOCKER", "dockerConfig": {"immutableTags": True}}
    operation = (
        registry.repositories().create(parent=PARENT, repositoryId="leitstand", body=body).execute()
    )
    done(lambda name: registry.operations().get(name=name), operation)

    secrets = client("secretmanager", "v1").projects().secrets()
    body = {"replication": {"automatic": {}}}
    parent = f"projects/{PROJECT}"
    secret = secrets.create(parent=parent, secretId="KEY", body=body).execute()["name"]
    payload = {"data": base64.b64encode(b"geheim").decode()}
    secrets.addVersion(parent=secret, body={"payload": payload}).execute()
    read = secrets.versions().access(name=f"{secret}/versions/latest").execute()
    assert read["payload"]["data"] == payload["data"]

    run = client("run", "v2").projects().locations()
    reference = {"secretKeyRef": {"secret": "KEY", "version": "1"}}
    container = {"image": IMAGE, "env": [{"name": "KEY", "valueSource": reference}]}
    body = {"template": {"containers": [container]}, "labels": {"team": "web"}}
    operation = run.services().create(parent=PARENT, serviceId="web", body=body).execute()
    done(lambda name: run.operations().get(name=name), operation)
    change = {"labels": {"team": "db"}}
    name = f"{PARENT}/services/web"
    operation = run.services().patch(name=name, updateMask="labels", body=change).execute()
    done(lambda name: run.operations().get(name=name), operation)
    service = run.services().get(name=name).execute()
    assert service["labels"] == {"team": "db"}
    assert service["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"


def test_an_instance_is_made_and_changed_only_from_its_current_settings(client):
    sql = client("sqladmin", "v1")

    def get(name):
        return sql.operations().get(project=PROJECT, operation=name)

    body = {"name": "main", "settings": {"tier": "db-custom-2-8192"}}
    done(get, sql.instances().insert(project=PROJECT, body=body).execute())
    user = {"name": "app", "password": "geheim"}
    users = sql.users()
    done(get, users.insert(project=PROJECT, instance="main", body=user).execute())
    found = users.get(project=PROJECT, instance="main", name="app").execute()
    assert "password" not in found
    instances = sql.instances()
    stale = {"settings": {"settingsVersion": "99"}}
    request = instances.patch(project=PROJECT, instance="main", body=stale)
    with pytest.raises(HttpError) as refused:
        request.execute()
    assert refused.value.status_code == 412
    assert refused.value.error_details[0]["reason"] == "staleData"
    wrong = {"name": "x", "settings": {"tier": "t", "nosuch": 1}}
    request = instances.insert(project=PROJECT, body=wrong)
    with pytest.raises(HttpError, match="Unknown name"):
        request.execute()
