"""In a project that began empty, what a resource names must be there; in a seeded one not."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from google.cloud import run_v2, secretmanager_v1, sqladmin_v1

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.execution_run import Surroundings
from leitstand.sandbox.fleet import Fleet
from leitstand.sandbox.frontdoor import FrontDoor
from leitstand.sandbox.images.catalogue import Catalogue
from leitstand.sandbox.jobs import Jobs
from leitstand.sandbox.logs import Logs
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.references import UNCHECKED, references_of
from leitstand.sandbox.rest.compute.consumers import (
    network_consumers,
    subnetwork_consumers,
)
from leitstand.sandbox.rest.compute.networks import Networks
from leitstand.sandbox.rest.compute.subnetworks import Subnetworks
from leitstand.sandbox.rest.found import FoundReferences
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.servicenetworking import Connections
from leitstand.sandbox.secrets import Secrets
from leitstand.sandbox.services import Services
from leitstand.sandbox.sql.service import CloudSql
from leitstand.sandbox.store import Store
from leitstand.sandbox.traffic_log import TrafficLog
from tests.sandbox.rest.parked import parked, refusal

PROJECT = "leitstand-sandbox"
PARENT = f"projects/{PROJECT}/locations/europe-west3"
NETWORK = f"projects/{PROJECT}/global/networks/main"
SUBNETWORK = f"projects/{PROJECT}/regions/europe-west3/subnetworks/services"
RANGE = f"projects/{PROJECT}/global/addresses/range"
CONNECTOR = f"{PARENT}/connectors/main"
TOPIC = f"projects/{PROJECT}/topics/rotation"
SECRET = f"projects/{PROJECT}/secrets/url"
ACCOUNT = f"run-web@{PROJECT}.iam.gserviceaccount.com"
IMAGE = "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand/web:1.0.0"
LINKS = "https://www.googleapis.com/compute/v1"
READER = {"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{ACCOUNT}"]}
ENV = {"name": "URL", "value_source": {"secret_key_ref": {"secret": "url", "version": "1"}}}


class Empty:
    """The gRPC handlers of a sandbox, with a park to put resources into."""

    def __init__(self, directory: Path, **seed: bool) -> None:
        store = Store(directory)
        wanted = {"project": PROJECT, "location": "europe-west3", **seed}
        references = references_of(store, directory, wanted)
        self.park = Park(store, directory, PROJECT, "europe-west3")
        self.operations = Operations(store)
        self.secrets = Secrets(store, references)
        images, logs = Catalogue.load(), Logs(TrafficLog())
        fleet = Fleet(images, logs, self.secrets.value)
        door = FrontDoor(TrafficLog(), None)
        self.services = Services(store, self.operations, fleet, door, images, references)
        around = Surroundings(images, logs, self.secrets.value)
        self.jobs = Jobs(store, self.operations, around, references)
        self.sql = CloudSql(store, directory / "sql", "europe-west3", references)
        self.references = references

    def add(self, api: str, path: str, key: str, /, **body: object) -> None:
        self.park.table(api, path)[key] = body

    def add_network(self) -> None:
        self.add("compute", "networks", NETWORK, name="main")
        network = f"{LINKS}/{NETWORK}"
        self.add("compute", "subnetworks", SUBNETWORK, name="services", network=network)

    def add_account(self, **more: object) -> None:
        name = f"projects/{PROJECT}/serviceAccounts/{ACCOUNT}"
        self.add("iam", "projects.serviceAccounts", name, email=ACCOUNT, **more)

    def add_secret(self) -> None:
        self.secrets.seed([{"name": SECRET}])

    def create_service(self) -> run_v2.Service:
        request = run_v2.CreateServiceRequest(
            parent=PARENT,
            service_id="web",
            service={"template": template(containers=[container()])},
        )
        return self._ended(self.services.create(request))

    def create_job(self, **task: object) -> run_v2.Job:
        wanted = {"template": {"template": template(containers=[container()], **task)}}
        request = run_v2.CreateJobRequest(parent=PARENT, job_id="migrate", job=wanted)
        self._ended(self.jobs.create(request))
        job: run_v2.Job = asyncio.run(
            self.jobs.get(run_v2.GetJobRequest(name=f"{PARENT}/jobs/migrate"))
        )
        return job

    def create_secret(self) -> secretmanager_v1.Secret:
        secret = {"replication": {"automatic": {}}, "topics": [{"name": TOPIC}]}
        request = secretmanager_v1.CreateSecretRequest(
            parent=f"projects/{PROJECT}", secret_id="url", secret=secret
        )
        return asyncio.run(self.secrets.create_secret(request))

    def _ended(self, call):
        """The operation of a call when its work is over."""

        async def work():
            operation = await call
            return await self.operations.wait(
                SimpleNamespace(name=operation.name, HasField=lambda _: False)
            )

        return asyncio.run(work())


@pytest.fixture
def empty(tmp_path):
    return Empty(tmp_path, apis_disabled=True)


@pytest.fixture
def seeded(tmp_path):
    return Empty(tmp_path)


def container():
    return {"image": IMAGE, "env": [ENV]}


def template(**more):
    return {"service_account": ACCOUNT, **more}


def refused(call, *arguments):
    with pytest.raises(ApiError) as error:
        call(*arguments)
    return error.value.code.name, error.value.message


def enable(empty, *services):
    for service in ("serviceusage.googleapis.com", *services):
        name = f"projects/{PROJECT}/services/{service}"
        empty.add("serviceusage", "services", name, state="ENABLED")


def connect(empty):
    key = f"services/servicenetworking.googleapis.com/connections/{NETWORK}"
    body = {"network": NETWORK, "reservedPeeringRanges": ["range"]}
    empty.add("servicenetworking", "services.connections", key, **body)
    empty.add("compute", "globalAddresses", RANGE, name="range", purpose="VPC_PEERING")


def test_only_a_project_that_began_empty_is_checked(empty, seeded):
    assert isinstance(empty.references, FoundReferences)
    assert seeded.references is UNCHECKED


def test_the_policy_of_a_secret_goes_with_it(empty):
    name = f"projects/{PROJECT}/secrets/URL"
    wanted = secretmanager_v1.Secret(replication={"automatic": {}})
    made = secretmanager_v1.CreateSecretRequest(parent=f"projects/{PROJECT}", secret_id="URL")
    made.secret = wanted
    asyncio.run(empty.secrets.create_secret(made))
    binding = {"role": "roles/secretmanager.admin", "members": ["allUsers"]}
    empty.park.policies.set(name, {"bindings": [binding]})
    gone = secretmanager_v1.DeleteSecretRequest(name=name)
    asyncio.run(empty.secrets.delete_secret(gone))
    assert "bindings" not in empty.park.policies.get(name)


def test_a_database_needs_a_network_that_is_connected(empty):
    def check(network=NETWORK):
        empty.references.check_network(PROJECT, "main", network)

    def why():
        code, message = refused(check)
        assert code == "INVALID_ARGUMENT"
        prefix = "Invalid request: Incorrect Service Networking config for instance: "
        return message.removeprefix(f"{prefix}{PROJECT}:main:")

    enable(empty)
    assert "SERVICE_NETWORKING_NOT_ENABLED." == why()
    enable(empty, "servicenetworking.googleapis.com")
    assert "NETWORK_NOT_FOUND." == why()
    empty.add_network()
    assert "NETWORK_NOT_PEERED." == why()
    connect(empty)
    check()
    check(f"{LINKS}/{NETWORK}")
    check("")
    del empty.park.table("compute", "globalAddresses")[RANGE]
    assert "RANGES_DELETED_LATER." == why()


def test_an_instance_in_an_unconnected_network_is_not_begun(empty):
    addresses = {"ipv4_enabled": False, "private_network": NETWORK}
    settings = {"tier": "db-custom-1-3840", "ip_configuration": addresses}
    request = sqladmin_v1.SqlInstancesInsertRequest(
        project=PROJECT, body={"name": "main", "settings": settings}
    )
    insert = empty.sql.methods()["/google.cloud.sql.v1.SqlInstancesService/Insert"]
    assert "NETWORK_NOT_FOUND" in refused(asyncio.run, insert(request))[1]
    assert {} == empty.sql.status()


@pytest.mark.parametrize("account", [None, {"disabled": True}])
def test_nothing_runs_as_an_account_that_is_missing_or_disabled(empty, account):
    if account is not None:
        empty.add_account(**account)
    denied = f"Permission 'iam.serviceaccounts.actAs' denied on service account {ACCOUNT} (or it "
    for call in (empty.create_service, empty.create_job):
        assert ("PERMISSION_DENIED", f"{denied}may not exist).") == refused(call)


def test_the_default_account_is_always_there(empty):
    empty.references.check_account(PARENT, "")


def test_an_account_in_use_may_go_and_is_missed_at_the_next_revision(empty):
    web = {"template": template(containers=[{"image": IMAGE}])}
    empty.services.seed([{"name": f"{PARENT}/services/web", **web}])

    def update(path, **change):
        service = {"name": f"{PARENT}/services/web", **web, **change}
        request = {"service": service, "update_mask": {"paths": [path]}, "validate_only": True}
        return empty._ended(empty.services.update(run_v2.UpdateServiceRequest(request)))

    assert update("description", description="anders").done
    changed = template(containers=[{"image": IMAGE, "args": ["x"]}])
    with pytest.raises(ApiError, match="actAs"):
        update("template", template=changed)


def test_a_revision_whose_account_may_not_read_a_secret_does_not_get_ready(empty):
    empty.add_account()
    empty.add_secret()
    operation = empty.create_service()
    shown = f"projects/{empty.park.project_number}/secrets/url/versions/1"
    assert (
        f"env[0].value_from.secret_key_ref.name: Permission denied on secret: {shown} for Revision "
        f"service account {ACCOUNT}. The service account used must be granted the 'Secret Manager "
        "Secret Accessor' role"
    ) in operation.error.message
    (revision,) = empty.services._revisions.values()
    ready = next(one for one in revision.conditions if one.type_ == "Ready")
    assert run_v2.Condition.CommonReason.SECRETS_ACCESS_CHECK_FAILED == ready.reason


@pytest.mark.parametrize("place", [SECRET, f"projects/{PROJECT}"])
def test_a_role_on_the_secret_or_the_project_is_enough(empty, place):
    empty.add_account()
    empty.add_secret()
    empty.park.policies.set(place, {"bindings": [READER]})
    state = empty.create_job().terminal_condition.state
    assert run_v2.Condition.State.CONDITION_SUCCEEDED == state


@pytest.mark.parametrize(
    ("access", "message"),
    [
        ({"connector": CONNECTOR + "-2"}, f"{CONNECTOR}-2 does not exist, or Cloud Run does not"),
        ({"connector": "main"}, "is not ready: its state is CREATING"),
        ({"network_interfaces": [{"network": "other"}]}, "networks/other was not found"),
        ({"network_interfaces": [{"network": "main"}]}, "subnetworks/main was not found"),
        ({"network_interfaces": [{"subnetwork": "other"}]}, "subnetworks/other was not found"),
        (
            {"network_interfaces": [{"network": "second", "subnetwork": "services"}]},
            "does not belong to",
        ),
        ({"network_interfaces": [{"network": "main", "subnetwork": "services"}]}, ""),
        ({"network_interfaces": [{"subnetwork": SUBNETWORK}]}, ""),
    ],
)
def test_a_job_is_ready_when_its_network_is(empty, access, message):
    empty.add_account()
    empty.add_secret()
    empty.park.policies.set(SECRET, {"bindings": [READER]})
    empty.add_network()
    empty.add("compute", "networks", f"{NETWORK[:-4]}second", name="second")
    empty.add("vpcaccess", "projects.locations.connectors", CONNECTOR, state="CREATING")
    condition = empty.create_job(vpc_access=access).terminal_condition
    assert message in condition.message
    reason = run_v2.Condition.CommonReason.VPC_NETWORK_NOT_FOUND if message else 0
    assert (reason, bool(message)) == (condition.reason, bool(condition.message))


def test_secret_manager_takes_topics_to_which_it_can_publish(empty):
    assert ("NOT_FOUND", f"Topic [{TOPIC}] not found.") == refused(empty.create_secret)
    empty.add("pubsub", "projects.topics", TOPIC, name=TOPIC)
    code, message = refused(empty.create_secret)
    agent = f"service-{empty.park.project_number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
    denied = f"Permission 'pubsub.topics.publish' denied for {agent} for pubsub topic: {TOPIC}"
    assert ("FAILED_PRECONDITION", True) == (code, message.startswith(denied))
    publisher = {"role": "roles/pubsub.publisher", "members": [f"serviceAccount:{agent}"]}
    empty.park.policies.set(TOPIC, {"bindings": [publisher]})
    assert SECRET == empty.create_secret().name


def test_a_seeded_sandbox_takes_everything(seeded):
    assert SECRET == seeded.create_secret().name
    seeded.secrets._add(SECRET, b"x")
    seeded.references.check_network(PROJECT, "main", NETWORK)
    job = seeded.create_job(vpc_access={"connector": "main"})
    assert run_v2.Condition.State.CONDITION_SUCCEEDED == job.terminal_condition.state


def test_everything_that_lies_in_a_network_is_known(tmp_path):
    service = run_v2.Service(template={"vpc_access": {"network_interfaces": [{"network": "main"}]}})
    interface = {"network_interfaces": [{"network": NETWORK, "subnetwork": "services"}]}
    job = run_v2.Job(template={"template": {"vpc_access": interface}})
    settings = {"ip_configuration": {"private_network": f"{LINKS}/{NETWORK}"}}
    instance = sqladmin_v1.DatabaseInstance(project=PROJECT, name="main", settings=settings)
    park = Park(
        Store(tmp_path),
        tmp_path,
        PROJECT,
        services=lambda: {f"{PARENT}/services/web": service},
        jobs=lambda: {f"{PARENT}/jobs/migrate": job},
        sql_instances=lambda: {f"{PROJECT}/main": instance},
    )
    connectors = park.table("vpcaccess", "projects.locations.connectors")
    connectors[CONNECTOR] = {"subnet": {"name": "services"}}
    connectors[f"{PARENT}/connectors/own"] = {"network": "main", "ipCidrRange": "10.0.0.0/28"}
    cache = f"{PARENT}/instances/cache"
    park.table("redis", "projects.locations.instances")[cache] = {"authorizedNetwork": NETWORK}
    in_network = {
        f"{PARENT}/connectors/own",
        f"projects/{PROJECT}/instances/main",
        cache,
        f"{PARENT}/services/web",
        f"{PARENT}/jobs/migrate",
    }
    assert in_network == set(network_consumers(park, NETWORK))
    assert {CONNECTOR, f"{PARENT}/jobs/migrate"} == set(subnetwork_consumers(park, SUBNETWORK))
    assert [] == list(network_consumers(park, f"{NETWORK}-2"))


def test_what_lies_in_a_network_keeps_it(tmp_path):
    with parked(tmp_path, Networks, Subnetworks) as park:
        park.add_network()
        table = park.park.table("vpcaccess", "projects.locations.connectors")
        table[CONNECTOR] = {"network": "main"}
        code, message = refusal(park.call, "DELETE", f"compute/compute/v1/{NETWORK}")
        assert ("FAILED_PRECONDITION", True) == (code, f"used by '{CONNECTOR}'" in message)
        subnetwork = {"name": "services", "network": f"{LINKS}/{NETWORK}"}
        park.park.table("compute", "subnetworks")[SUBNETWORK] = subnetwork
        table[CONNECTOR] = {"subnet": {"name": "services"}}
        message = refusal(park.call, "DELETE", f"compute/compute/v1/{SUBNETWORK}")[1]
        assert f"subnetwork resource '{SUBNETWORK}' is already being used by" in message
        del table[CONNECTOR]
        assert "RUNNING" == park.call("DELETE", f"compute/compute/v1/{SUBNETWORK}")["status"]


def test_a_database_keeps_its_connection(tmp_path):
    instance = sqladmin_v1.DatabaseInstance(project=PROJECT, name="main")
    instance.settings.ip_configuration.private_network = NETWORK
    park = Park(Store(tmp_path), tmp_path, PROJECT, sql_instances=lambda: {"one": instance})
    park.table("compute", "networks")[NETWORK] = {"name": "main"}
    key = f"services/servicenetworking.googleapis.com/connections/{NETWORK}"
    connection = {"network": NETWORK, "reservedPeeringRanges": ["range"]}
    park.table("servicenetworking", "services.connections")[key] = connection
    delete = Connections(park).custom()["deleteConnection"]
    call = SimpleNamespace(body={"consumerNetwork": NETWORK}, params={})
    assert "still using this connection" in refused(asyncio.run, delete(call))[1]
