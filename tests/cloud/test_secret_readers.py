"""Who reads a secret, and of which there must never be two, against a real sandbox."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.cloud import run_v2

from leitstand.cloud.connection import Connection
from leitstand.cloud.secret_readers import SecretReaders
from leitstand.configuration import load_environment
from leitstand.core.traffic import LATEST, Share, Split
from tests.fixtures.world import World

ONE = {"min_instance_count": 1, "max_instance_count": 1}


def settle(world: World) -> None:
    while not world.run.service(world.service).settled:
        time.sleep(0.01)


@pytest.fixture
def at_most_one(world: World, request: pytest.FixtureRequest) -> World:
    """Web as it may have one instance: in all, or of each revision."""
    state = world.run.service(world.service)
    if request.param == "service":
        world.run.start_scaling(world.service, state.etag, {**state.scaling, **ONE})
    else:
        template = {**state.template, "revision": "web-00002-one", "scaling": ONE}
        split = Split.of(Share(LATEST, 100))
        world.run.start_revision(world.service, state.etag, template, split)
    settle(world)
    return world


def test_a_service_that_may_have_several_instances_is_not_alone(world: World) -> None:
    assert not SecretReaders(world.connection).service(world.service).single


@pytest.mark.parametrize("at_most_one", ["service", "revision"], indirect=True)
def test_one_instance_is_said_of_the_service_or_of_its_revision(at_most_one: World) -> None:
    world = at_most_one
    (reader,) = SecretReaders(world.connection).services(["django-secret-key"])
    assert (world.service, True) == (reader.state.name, reader.single)


@contextmanager
def without_revisions(service: run_v2.Service) -> Iterator[str]:
    """The address of a Cloud Run whose one service never had a revision."""
    answers: dict[str, dict[str, Any]] = {
        "Services": {
            "ListServices": run_v2.ListServicesResponse(services=[service]),
            "GetService": service,
        },
        "Revisions": {"ListRevisions": run_v2.ListRevisionsResponse()},
    }
    server = grpc.server(ThreadPoolExecutor(2))
    for kind, methods in answers.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                lambda request, context, answer=answer: answer,
                response_serializer=type(answer).serialize,
            )
            for name, answer in methods.items()
        }
        name = f"google.cloud.run.v2.{kind}"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def test_a_service_that_never_had_a_revision_reads_nothing_and_stops_nothing() -> None:
    environment = load_environment("sandbox")
    name = environment.service_name("web")
    template = run_v2.RevisionTemplate(service_account="web@p.iam.gserviceaccount.com")
    with without_revisions(run_v2.Service(name=name, template=template)) as address:
        readers = SecretReaders(Connection(environment, address))
        assert () == readers.services(["django-secret-key"])
        reader = readers.service(name)
    assert ((), {"service_account": template.service_account}) == (
        reader.revisions,
        reader.template,
    )
