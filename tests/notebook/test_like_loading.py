"""A sandbox is made like another environment, and what of it is not is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.configuration import load_environment
from leitstand.core.predictions.words import words_of
from leitstand.core.predictions.world import RevisionSeen, ServiceSeen, World
from leitstand.core.traffic import Share, Split
from leitstand.notebook.like_loading import load
from leitstand.notebook.like_reading import Seen, read_world
from leitstand.sandbox import control
from tests.core.predictions.samples import THEIRS
from tests.fixtures.command import Command, furnished, new_project

NEW, OLD = "sha256:" + "1a" * 32, "sha256:" + "2b" * 32


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A sandbox with stand-ins for two images that it does not have."""
    command = Command(*new_project(tmp_path), template=furnished(database=False))
    command.production(database=False)
    stand_ins = [
        {"image": f"web:{tag}", "digest": digest, "signed": True}
        for tag, digest in (("2026.11", NEW), ("2026.10", OLD))
    ]
    command.configure(sandbox__stand_ins=stand_ins)
    try:
        assert 0 == command("sandbox", "up").code
        sandbox = control.find(command.home / "sandbox")
        assert sandbox is not None
        environment = load_environment("sandbox", command.project / "config" / "environments")
        yield Connection(environment, sandbox.grpc, sandbox.rest)
    finally:
        control.reset(command.home / "sandbox")


def production(connection: Connection, seen: Seen) -> World:
    """A production of this sandbox's resources, but with revisions and secrets of its own."""
    repository = THEIRS.names["repository"]
    (template,) = (
        {
            **seen.world.services["web"].template,
            "service_account": "run-web@shop-prod.iam.gserviceaccount.com",
            "containers": [
                {
                    **seen.world.services["web"].template["containers"][0],
                    "image": f"{repository}/web@{digest}",
                }
            ],
        }
        for digest in (NEW,)
    )
    old = {
        **template,
        "containers": [{**template["containers"][0], "image": f"{repository}/web@{OLD}"}],
    }
    unknown = {**template, "containers": [{"image": f"{repository}/web@sha256:{'3c' * 32}"}]}
    revisions = tuple(
        RevisionSeen(name, str(body["containers"][0]["image"]), ready=True, template=body)
        for name, body in (
            ("web-00040-old", old),
            ("web-00041-gone", unknown),
            ("web-00042-new", template),
        )
    )
    traffic = Split((Share("web-00042-new", 90), Share("web-00040-old", 10, "before")))
    scaling = {"min_instance_count": 3, "max_instance_count": 10}
    web = ServiceSeen("web", revisions, traffic, "web-00042-new", scaling, template)
    secrets = {
        **seen.world.secrets,
        "django-secret-key": {1: "DESTROYED", 2: "DISABLED", 3: "ENABLED"},
    }
    departures = {
        "dns.managedZones/main": {"description": "Zone of app.example.com"},
        "compute.firewalls/unheard-of": None,
    }
    return World({"web": web}, seen.world.jobs, secrets, departures)


def test_services_secrets_and_resources_are_as_there_and_the_rest_is_told(
    connection: Connection, tmp_path: Path
) -> None:
    world = production(connection, read_world(connection))
    told = load(connection, world, THEIRS, Journal(tmp_path / "load.jsonl"))
    made = read_world(connection)
    ours = words_of(connection.environment)
    services = made.world.summary(ours)["services"]["web"]
    assert {"web-00042-new": 90, "web-00040-old": 10} == services["traffic"]
    assert {"before": "web-00040-old"} == services["tags"]
    assert {"web-00040-old", "web-00042-new"} == set(services["revisions"])
    assert f"${{repository}}/web@{NEW}" == services["revisions"]["web-00042-new"]
    assert 3 == services["scaling"]["min_instance_count"]
    account = made.world.services["web"].template["service_account"]
    assert account.endswith(f"@{connection.environment.project}.iam.gserviceaccount.com")
    expected = {1: "DISABLED", 2: "DISABLED", 3: "ENABLED"}
    assert expected == made.world.secrets["django-secret-key"]
    assert {"description"} == set(made.world.departures["dns.managedZones/main"] or {})
    assert [
        "Revision web-00041-gone",
        "compute.firewalls/unheard-of",
    ] == [sentence.partition(":")[0] for sentence in told]


def test_nothing_but_a_sandbox_is_ever_made_like_another_environment(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "load.jsonl")
    with pytest.raises(ValueError, match="only a sandbox"):
        load(Connection(load_environment("prod")), World({}, {}, {}), THEIRS, journal)
    assert [] == journal.events()
