"""Artifact Registry through Google's client."""

import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1

from leitstand.sandbox.images.catalogue import Catalogue, UnknownImage
from leitstand.sandbox.registry import Registry
from leitstand.sandbox.store import Store
from tests.sandbox.serving import LOCATION, serving

REPOSITORY = f"{LOCATION}/repositories/leitstand"
PACKAGE = f"{REPOSITORY}/packages/web"
PATH = "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand/web"
CATALOGUE = Catalogue.load()
GOOD = CATALOGUE.resolve(f"{PATH}:1.1.0")
UNSIGNED = CATALOGUE.resolve(f"{PATH}:1.3.0-unsigned")


@pytest.fixture
def registry(tmp_path):
    registry = Registry(Store(tmp_path), CATALOGUE)
    registry.seed([{"name": REPOSITORY}])
    registry.load()
    return registry


@pytest.fixture
def client(registry):
    with serving(lambda: (registry,)) as server:
        yield server.client(artifactregistry_v1.ArtifactRegistryClient)


def tag(name):
    return f"{PACKAGE}/tags/{name}"


def version(image):
    return f"{PACKAGE}/versions/{image.digest}"


def signature(image):
    return tag(image.digest.replace(":", "-") + ".sig")


def test_a_tag_leads_to_the_digest(client):
    assert version(GOOD) == client.get_tag(name=tag("1.1.0")).version


def test_a_signed_image_has_a_signature_tag_and_an_unsigned_one_has_none(client):
    assert client.get_tag(name=signature(GOOD)).version != version(GOOD)
    with pytest.raises(exceptions.NotFound):
        client.get_tag(name=signature(UNSIGNED))


def test_repositories_and_packages_are_listed(client):
    assert [found.name for found in client.list_repositories(parent=LOCATION)] == [REPOSITORY]
    others = [f"{REPOSITORY}/packages/{name}" for name in ("leitstand", "litellm")]
    assert [found.name for found in client.list_packages(parent=REPOSITORY)] == [*others, PACKAGE]
    repository = client.get_repository(name=REPOSITORY)
    assert repository.format_ == artifactregistry_v1.Repository.Format.DOCKER
    assert client.get_package(name=PACKAGE).name == PACKAGE


def test_versions_show_their_tags_in_the_full_view(client):
    view = artifactregistry_v1.VersionView.FULL
    found = client.get_version(request={"name": version(GOOD), "view": view})
    assert [tag("1.1.0")] == [related.name for related in found.related_tags]
    assert list(client.get_version(name=version(GOOD)).related_tags) == []


def test_a_version_carries_the_range_of_schema_versions_that_its_code_understands(client):
    for image in (GOOD, CATALOGUE.resolve(f"{PATH}:2.1.0")):
        annotations = client.get_version(name=version(image)).annotations
        assert annotations["leitstand.dev/schema-min"] == image.behaviour["APP_SCHEMA_MIN"]
        assert annotations["leitstand.dev/schema-max"] == image.behaviour["APP_SCHEMA_MAX"]


def test_versions_can_be_ordered_by_time(client):
    request = {"parent": PACKAGE, "order_by": "create_time desc", "page_size": 3}
    times = [found.create_time for found in client.list_versions(request=request)]
    assert sorted(times, reverse=True) == times
    assert len(times) == len(list(client.list_versions(parent=PACKAGE)))


def test_docker_images_show_what_the_catalogue_holds(client):
    images = {image.uri: image for image in client.list_docker_images(parent=REPOSITORY)}
    good = images[f"{PATH}@{GOOD.digest}"]
    assert list(good.tags) == ["1.1.0"]
    assert GOOD.size_bytes == good.image_size_bytes
    assert GOOD.built == good.upload_time
    assert GOOD.media_type == good.media_type
    assert good == client.get_docker_image(name=good.name)
    signed = [image for image in CATALOGUE.images() if image.signed]
    assert len(CATALOGUE.images()) + len(signed) == len(images)


def test_tags_are_listed_in_pages_and_by_version(client):
    request = {"parent": PACKAGE, "page_size": 2}
    listed = [found.name for found in client.list_tags(request=request)]
    assert sorted(set(listed)) == listed
    request = {"parent": PACKAGE, "filter": f'version="{version(GOOD)}"'}
    assert [tag("1.1.0")] == [found.name for found in client.list_tags(request=request)]


def test_a_tag_belongs_to_its_package(registry):
    litellm = registry.resolve(f"{PATH.removesuffix('web')}litellm:1.80.0")
    assert ("litellm", "1.80.0") == (litellm.package, litellm.tag)
    with pytest.raises(UnknownImage):
        registry.resolve(f"{PATH}:1.80.0")


def test_a_tag_is_created_moved_and_deleted(client, registry):
    client.create_tag(parent=PACKAGE, tag_id="live", tag={"version": version(GOOD)})
    assert registry.resolve(f"{PATH}:live") == GOOD
    client.update_tag(
        tag={"name": tag("live"), "version": version(UNSIGNED)}, update_mask={"paths": ["version"]}
    )
    assert registry.resolve(f"{PATH}:live") == UNSIGNED
    client.delete_tag(name=tag("live"))
    with pytest.raises(UnknownImage):
        registry.resolve(f"{PATH}:live")
    assert registry.resolve(f"{PATH}@{GOOD.digest}") == GOOD


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda c: c.get_tag(name=tag("9.9.9")), exceptions.NotFound),
        (lambda c: c.get_repository(name=f"{LOCATION}/repositories/no"), exceptions.NotFound),
        (lambda c: c.get_package(name=f"{REPOSITORY}/packages/no"), exceptions.NotFound),
        (lambda c: c.get_version(name=f"{PACKAGE}/versions/sha256:0"), exceptions.NotFound),
        (
            lambda c: c.get_docker_image(name=f"{REPOSITORY}/dockerImages/web@sha256:0"),
            exceptions.NotFound,
        ),
        (lambda c: c.delete_tag(name=tag("9.9.9")), exceptions.NotFound),
        (
            lambda c: c.create_tag(parent=PACKAGE, tag_id="1.1.0", tag={"version": version(GOOD)}),
            exceptions.AlreadyExists,
        ),
        (
            lambda c: c.create_tag(parent=PACKAGE, tag_id="-", tag={"version": version(GOOD)}),
            exceptions.InvalidArgument,
        ),
        (
            lambda c: c.create_tag(parent=PACKAGE, tag_id="x", tag={"version": f"{PACKAGE}x/"}),
            exceptions.InvalidArgument,
        ),
        (
            lambda c: c.list_tags(request={"parent": PACKAGE, "filter": "x"}),
            exceptions.InvalidArgument,
        ),
        (
            lambda c: c.list_versions(request={"parent": PACKAGE, "order_by": "size"}),
            exceptions.InvalidArgument,
        ),
    ],
)
def test_wrong_requests_are_refused(client, call, error):
    with pytest.raises(error):
        call(client)


def test_tags_that_were_moved_are_still_moved_after_a_restart(tmp_path):
    store = Store(tmp_path)
    registry = Registry(store, CATALOGUE)
    registry.seed([{"name": REPOSITORY}])
    registry.load()
    with serving(lambda: (registry,)) as server:
        client = server.client(artifactregistry_v1.ArtifactRegistryClient)
        client.update_tag(tag={"name": tag("1.1.0"), "version": version(UNSIGNED)})
        client.delete_tag(name=tag("1.0.0"))
    store.save()
    again = Registry(Store(tmp_path), CATALOGUE)
    again.load()
    assert again.resolve(f"{PATH}:1.1.0") == UNSIGNED
    with pytest.raises(UnknownImage):
        again.resolve(f"{PATH}:1.0.0")


def test_a_repository_that_is_made_later_has_the_images_too_and_loses_them_with_it(client):
    operation = client.delete_repository(name=REPOSITORY)
    operation.result(timeout=5)
    with pytest.raises(exceptions.NotFound):
        client.get_tag(name=tag("1.1.0"))
    made = client.create_repository(
        parent=LOCATION, repository_id="leitstand", repository={"format_": "DOCKER"}
    )
    assert made.result(timeout=5).registry_uri.endswith("/leitstand-sandbox/leitstand")
    assert version(GOOD) == client.get_tag(name=tag("1.1.0")).version


@pytest.mark.parametrize(
    ("repository_id", "repository"),
    [
        ("Upper", {"format_": "DOCKER"}),
        ("x", {}),
        ("x", {"format_": "NPM", "docker_config": {"immutable_tags": True}}),
    ],
)
def test_a_repository_that_cannot_be_is_refused(client, repository_id, repository):
    with pytest.raises(exceptions.InvalidArgument):
        client.create_repository(
            parent=LOCATION, repository_id=repository_id, repository=repository
        )
