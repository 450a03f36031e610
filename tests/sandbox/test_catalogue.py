"""The catalogue of sandbox images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leitstand.sandbox.images.catalogue import Catalogue, CatalogueImage, UnknownImage

WEB = "europe-west3-docker.pkg.dev/leitstand-sandbox/leitstand/web"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def test_every_image_has_a_digest_of_its_own(catalogue: Catalogue) -> None:
    digests = [image.digest for image in catalogue.images()]

    assert len(digests) == len(set(digests))
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests)


def test_the_tags_of_the_rehearsal_exist(catalogue: Catalogue) -> None:
    expected = [
        "1.0.0",
        "1.1.0",
        "1.1.1",
        "1.2.0-errors",
        "1.2.1-slow",
        "1.2.2-crash",
        "1.2.3-never-ready",
        "1.3.0-unsigned",
        "1.3.1-moved",
        "1.4.0-smoke",
        "2.0.0",
        "2.1.0",
        "2.2.0-long-lock",
        "2.3.0-destroys",
    ]

    assert expected == [image.tag for image in of_package(catalogue, "web")]
    assert ["1.80.0", "1.81.0"] == [image.tag for image in of_package(catalogue, "litellm")]


def test_every_package_has_a_program_of_its_own(catalogue: Catalogue) -> None:
    assert {"leitstand.sandbox.images.app"} == {i.module for i in of_package(catalogue, "web")}
    litellm = catalogue.resolve(f"{WEB.removesuffix('web')}litellm:1.81.0")
    assert "leitstand.sandbox.images.litellm" == litellm.module
    (command,) = of_package(catalogue, "leitstand")
    assert ("1.0.0", "leitstand") == (command.tag, command.module)


def test_only_the_command_itself_is_told_where_the_project_and_its_state_lie(
    catalogue: Catalogue,
) -> None:
    told = {image.package for image in catalogue.images() if image.inherits}
    assert {"leitstand"} == told


def test_digests_are_the_same_as_ever(catalogue: Catalogue) -> None:
    digest = "sha256:4c564aad363634369b32dabb74079e9cad6084972b4dbb3bb488b3491055be67"

    assert digest == catalogue.resolve(f"{WEB}:1.0.0").digest


def test_exactly_one_image_is_unsigned(catalogue: Catalogue) -> None:
    assert [image.tag for image in catalogue.images() if not image.signed] == ["1.3.0-unsigned"]


@pytest.mark.parametrize("reference", ["by_tag", "by_digest", "both"])
def test_a_reference_finds_its_image(catalogue: Catalogue, reference: str) -> None:
    image = catalogue.images()[1]
    both = f"{image.by_tag}@{image.digest}"

    found = catalogue.resolve(both if reference == "both" else getattr(image, reference))

    assert image == found


def test_a_digest_wins_over_the_tag_beside_it(catalogue: Catalogue) -> None:
    good, other = catalogue.images()[:2]

    assert good == catalogue.resolve(f"{other.by_tag}@{good.digest}")


@pytest.mark.parametrize(
    "reference",
    [
        f"{WEB}:9.9.9",
        f"{WEB}@sha256:{'0' * 64}",
        WEB,
        "web:1.1.0",
        "europe-west3-docker.pkg.dev/other/leitstand/web:1.1.0",
        "",
    ],
)
def test_an_unknown_reference_is_refused_by_name(catalogue: Catalogue, reference: str) -> None:
    with pytest.raises(UnknownImage) as caught:
        catalogue.resolve(reference)

    assert reference == caught.value.image
    assert f"Image '{reference}' not found." == str(caught.value)


def test_the_moved_tag_points_at_another_digest_than_before(catalogue: Catalogue) -> None:
    moved = catalogue.resolve(f"{WEB}:1.3.1-moved")

    assert len(moved.former_digests) == 1
    assert moved.digest not in moved.former_digests
    assert moved.signed


def test_signing_an_image_does_not_change_its_digest(tmp_path: Path) -> None:
    text = """
repository: host/project/repository
package: web
images:
  - {tag: 1.0.0, description: one, built: 2026-01-01T00:00:00Z, signed: SIGNED}
"""
    digests = set()
    for signed in ("true", "false"):
        path = tmp_path / f"{signed}.yaml"
        path.write_text(text.replace("SIGNED", signed), encoding="utf-8")
        digests.add(Catalogue.load(path).images()[0].digest)

    assert len(digests) == 1


def test_build_times_are_aware(catalogue: Catalogue) -> None:
    assert all(image.built.tzinfo is not None for image in catalogue.images())


def test_every_image_tells_which_schema_versions_its_code_understands(
    catalogue: Catalogue,
) -> None:
    ranges = {
        image.tag: (
            int(image.annotations["leitstand.dev/schema-min"]),
            int(image.annotations["leitstand.dev/schema-max"]),
        )
        for image in of_package(catalogue, "web")
    }

    assert {(1, 3)} == {found for tag, found in ranges.items() if tag.startswith("1.")}
    assert (3, 3) == ranges["2.0.0"]
    assert {(4, 6)} == {ranges[tag] for tag in ("2.1.0", "2.2.0-long-lock", "2.3.0-destroys")}


def test_what_an_image_is_annotated_with_is_what_its_code_is_told(catalogue: Catalogue) -> None:
    for image in of_package(catalogue, "web"):
        assert image.annotations["leitstand.dev/schema-min"] == image.behaviour["APP_SCHEMA_MIN"]
        assert image.annotations["leitstand.dev/schema-max"] == image.behaviour["APP_SCHEMA_MAX"]


def test_an_image_without_a_schema_has_no_range(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    text = "{repository: h/p/r, package: web, images: [{tag: 1.0.0, description: one, built: "
    path.write_text(text + "2026-01-01T00:00:00Z, signed: true}]}", encoding="utf-8")

    (image,) = Catalogue.load(path).images()

    assert {} == image.behaviour
    assert {"org.opencontainers.image.version": "1.0.0"} == image.annotations


def of_package(catalogue: Catalogue, package: str) -> list[CatalogueImage]:
    return [image for image in catalogue.images() if image.package == package]
