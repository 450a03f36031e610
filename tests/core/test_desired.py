"""Everything that an environment file wants, and what depends on what."""

from graphlib import TopologicalSorter

import pytest

from leitstand.configuration import environment_names, load_environment, read_layers
from leitstand.core.desired import UnknownKind, desired, desired_template
from leitstand.core.environment import Environment, merge
from leitstand.core.kinds import Resource
from leitstand.core.order import UnknownReference

NUMBER = "4711"


def resources(name: str = "prod") -> dict[str, Resource]:
    return {resource.key: resource for resource in desired(load_environment(name), NUMBER)}


def changed(**sections: object) -> Environment:
    base, overlay = read_layers("prod")
    data = merge(merge(base, overlay), sections)
    return Environment.model_validate({**data, "name": "prod"})


@pytest.mark.parametrize("name", environment_names())
def test_every_environment_can_be_ordered_and_no_step_waits_for_a_later_one(name: str) -> None:
    wanted = resources(name)
    order = TopologicalSorter({key: resource.after for key, resource in wanted.items()})
    assert len(wanted) == len(list(order.static_order()))
    late = [
        (key, other)
        for key, resource in wanted.items()
        for other in resource.after
        if wanted[other].kind.step > resource.kind.step
    ]
    assert [] == late


def test_references_become_full_names() -> None:
    network = "projects/leitstand-prod/global/networks/main"
    assert network == resources()["compute.subnetworks/services"].body["network"]


def test_an_output_stays_until_it_is_known_and_is_waited_for() -> None:
    record = resources()["dns.resourceRecordSets/main/app.example.com./A"]
    assert ["${compute.globalAddresses/web#address}"] == record.body["rrdatas"]
    assert {"compute.globalAddresses/web", "dns.managedZones/main"} <= set(record.after)


def test_a_service_waits_for_its_account_its_secrets_and_the_right_to_read_them() -> None:
    assert {
        "iam.serviceAccounts/run-worker",
        "secretmanager.policy/redis-url",
        "secretmanager.versions/redis-url/1",
        "serviceusage.services/run.googleapis.com",
        "vpcaccess.connectors/main",
    } <= set(resources()["run.services/worker"].after)


def test_only_services_that_refer_to_a_secret_may_read_it() -> None:
    (binding,) = resources()["secretmanager.policy/litellm-master-key"].body["bindings"]
    member = "serviceAccount:run-litellm@leitstand-prod.iam.gserviceaccount.com"
    assert [member] == binding["members"]


def test_a_secret_value_is_sent_at_creation_only() -> None:
    version = resources()["secretmanager.versions/django-secret-key/1"]
    assert {} == version.body
    assert {"payload": {"data": "${generated:50}"}} == version.initial


def test_staging_shares_the_repository_with_production() -> None:
    name = "projects/leitstand-staging/locations/europe-west3/repositories/leitstand"
    assert {name} == {
        resources(environment)["artifactregistry.repositories/leitstand"].name
        for environment in ("staging", "prod")
    }


def test_an_overlay_takes_a_resource_out_by_giving_it_no_body() -> None:
    assert "logging.sinks/bigquery" in resources("prod")
    assert "logging.sinks/bigquery" not in resources("staging")


def test_direct_vpc_egress_takes_the_place_of_the_connector() -> None:
    interface = {"network": "main", "subnetwork": "services"}
    access = {"network_interfaces": [interface], "egress": "ALL_TRAFFIC", "connector": None}
    environment = changed(services={"web": {"template": {"vpc_access": access}}})
    (web,) = (r for r in desired(environment, NUMBER) if r.key == "run.services/web")
    assert {"networkInterfaces": [interface], "egress": "ALL_TRAFFIC"} == web.body["template"][
        "vpcAccess"
    ]


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(UnknownKind, match=r"compute\.netzwerke"):
        desired(changed(resources={"compute.netzwerke": {"x": {}}}), NUMBER)


def test_a_reference_to_nothing_is_refused_with_both_names() -> None:
    wrong = {"compute.subnetworks": {"services": {"network": "${compute.networks/mian}"}}}
    with pytest.raises(UnknownReference, match=r"subnetworks/services“ .* „compute.networks/mian"):
        desired(changed(resources=wrong), NUMBER)


def test_a_template_for_a_release_has_no_image_and_no_open_names() -> None:
    template = desired_template(load_environment("prod"), "worker")
    assert "image" not in template["containers"][0]
    assert "${" not in str(template)


def test_a_service_without_variables_states_none() -> None:
    services = {"beat": {"template": {"containers": [{"resources": {"limits": {
        "cpu": "1", "memory": "1Gi"}}}]}}}  # fmt: skip
    assert "env" not in desired_template(changed(services=services), "beat")["containers"][0]
