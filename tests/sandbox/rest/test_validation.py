"""Requests and answers against the schemas of the documents."""

import pytest

from leitstand.sandbox.errors import ApiError
from leitstand.sandbox.rest import validation
from leitstand.sandbox.rest.discovery import load
from leitstand.sandbox.rest.parameters import checked


@pytest.fixture(scope="module")
def redis():
    return load("redis")


@pytest.fixture(scope="module")
def compute():
    return load("compute")


def instance(redis, body):
    create = "redis.projects.locations.instances.create"
    return validation.request_body(redis, create, "Instance", body)


REFUSED = [
    (
        {"memory": 5},
        'Invalid JSON payload received. Unknown name "memory": Cannot find field.',
    ),
    (
        {"maintenancePolicy": {"a": 1}},
        (
            "Invalid JSON payload received."
            " Unknown name \"a\" at 'maintenancePolicy': Cannot find field."
        ),
    ),
    ({"tier": "LARGE"}, "Invalid value at 'tier' (TYPE_ENUM), \"LARGE\""),
    ({"memorySizeGb": "much"}, "Invalid value at 'memorySizeGb' (TYPE_INT32), \"much\""),
    ({"memorySizeGb": 1.5}, "Invalid value at 'memorySizeGb' (TYPE_INT32), \"1.5\""),
    ({"memorySizeGb": 2**31}, f"Invalid value at 'memorySizeGb' (TYPE_INT32), \"{2**31}\""),
    ({"authEnabled": "yes"}, "Invalid value at 'authEnabled' (TYPE_BOOL), \"yes\""),
    ({"displayName": True}, "Invalid value at 'displayName' (TYPE_STRING), \"true\""),
    ({"labels": ["a"]}, "Invalid value at 'labels' (object), \"['a']\""),
    ({"nodes": 1, "tier": 1}, "Invalid value at 'tier' (TYPE_STRING), \"1\""),
]


@pytest.mark.parametrize(("body", "message"), REFUSED)
def test_what_does_not_fit_the_schema_is_refused_as_google_does(redis, body, message):
    with pytest.raises(ApiError) as refused:
        instance(redis, body)
    assert message == refused.value.message
    assert "INVALID_ARGUMENT" == refused.value.code.name


def test_a_refusal_names_everything_that_is_wrong(redis):
    with pytest.raises(ApiError) as refused:
        instance(redis, {"memory": 5, "tier": "LARGE"})
    assert 2 == len(refused.value.message.splitlines())


def test_fields_that_the_api_fills_itself_are_ignored(redis, compute):
    assert {"tier": "BASIC"} == instance(redis, {"tier": "BASIC", "state": "READY", "host": "h"})
    body = {"name": "n", "selfLink": "x", "id": "1", "kind": "compute#network"}
    read = validation.request_body(compute, "compute.networks.insert", "Network", body)
    assert {"name": "n"} == read


def test_the_version_that_a_change_is_based_on_is_not_ignored(compute):
    body = {"name": "b", "fingerprint": "AAAA"}
    assert body == validation.request_body(
        compute, "compute.backendServices.patch", "BackendService", body
    )


def test_numbers_get_the_form_that_json_has_for_them(redis, compute):
    assert {"memorySizeGb": 5} == instance(redis, {"memorySizeGb": "5"})
    read = validation.request_body(
        compute,
        "compute.urlMaps.patch",
        "UrlMap",
        {"defaultRouteAction": {"timeout": {"seconds": 5}}},
    )
    assert {"seconds": "5"} == read["defaultRouteAction"]["timeout"]


@pytest.mark.parametrize(
    ("body", "part"),
    [
        ({"autoCreateSubnetworks": False}, "Required field 'resource.name' not specified"),
        ({"name": "Not_a_label"}, "Must be a match of regex"),
    ],
)
def test_what_an_insert_needs_is_asked_for(compute, body, part):
    with pytest.raises(ApiError) as refused:
        validation.request_body(compute, "compute.networks.insert", "Network", body)
    assert part in refused.value.message


FORMATS = [
    ("Duration", {"seconds": "1"}, True),
    ("SslPolicy", {"fingerprint": "not base64!"}, False),
    ("SslPolicy", {"fingerprint": "a-_b"}, True),
]


@pytest.mark.parametrize(("schema", "body", "fits"), FORMATS)
def test_formats_of_strings_are_checked(compute, schema, body, fits):
    if fits:
        assert body == validation.request_body(compute, "", schema, body)
    else:
        with pytest.raises(ApiError, match="Invalid value at"):
            validation.request_body(compute, "compute.x.patch", schema, body)


def test_an_answer_gets_its_form_and_shows_what_does_not_fit(compute):
    body = {"name": "n", "id": 17, "description": None, "mtu": "x", "colour": "red"}
    read, faults = validation.answer(compute, "Network", body)
    assert "17" == read["id"]
    assert "description" not in read
    assert [
        "Invalid value at 'answer.mtu' (TYPE_INT32), \"x\"",
        "Invalid JSON payload received. Unknown name \"colour\" at 'answer': Cannot find field.",
    ] == faults


def test_a_null_that_means_something_stays_in_an_answer():
    row = {"f": [{"v": None}]}
    assert (row, []) == validation.answer(load("bigquery"), "TableRow", row)


def parameters(document, method, query, **path):
    return checked(document, document.methods[method], path, query)


def test_parameters_of_every_method_are_left_out(compute):
    query = [("alt", "json"), ("maxResults", "5")]
    found = parameters(compute, "compute.networks.list", query, project="p")
    assert {"project": "p", "maxResults": "5"} == found


@pytest.mark.parametrize(
    ("query", "path", "part"),
    [
        ([("colour", "red")], {"project": "p"}, 'Unknown name "colour": Cannot bind query'),
        ([("maxResults", "many")], {"project": "p"}, "Invalid value at 'maxResults' (TYPE_INT32)"),
        ([("filter", "a"), ("filter", "b")], {"project": "p"}, "must not be repeated"),
        ([], {}, "Required parameter: project"),
        ([], {"project": "Not A Project"}, "Invalid value for field 'project'"),
    ],
)
def test_parameters_that_cannot_be_are_refused(compute, query, path, part):
    with pytest.raises(ApiError) as refused:
        parameters(compute, "compute.networks.list", query, **path)
    assert part in refused.value.message


def test_a_parameter_that_may_be_repeated_is_joined():
    query = [("names", "a"), ("names", "b")]
    found = parameters(load("serviceusage"), "serviceusage.services.batchGet", query, parent="p/q")
    assert "a,b" == found["names"]
