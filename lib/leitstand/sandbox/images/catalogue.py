"""The catalogue of sandbox images, and how a reference becomes one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

__all__ = ["APPLICATION", "SCHEMA_MAX", "SCHEMA_MIN", "Catalogue", "CatalogueImage", "UnknownImage"]

# Annotations of an image, and of the revisions that are made of it.
SCHEMA_MIN = "leitstand.dev/schema-min"
SCHEMA_MAX = "leitstand.dev/schema-max"

_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
# The module of the sample application, the entry point of most images.
APPLICATION = "leitstand.sandbox.images.app"


class UnknownImage(LookupError):
    """No image of the catalogue answers to this reference.

    Attributes:
        image: The reference as it was given.
    """

    def __init__(self, image: str) -> None:
        super().__init__(f"Image '{image}' not found.")
        self.image = image


@dataclass(frozen=True)
class CatalogueImage:
    """One image of the sandbox's registry.

    Attributes:
        repository: Host and path of the repository, without the package.
        package: Name of the image inside the repository.
        tag: The tag that points at this image now.
        description: What the image is for.
        digest: `sha256:` and the hash over the image's canonical manifest.
        former_digests: What the same tag pointed at before it was moved; no longer pullable.
        signed: Whether a cosign signature for `digest` lies in the registry.
        behaviour: The image's own environment variables, which steer the sample application.
        media_type: Media type of the manifest.
        annotations: Of the manifest; the registry shows them at the version.
        module: What the image's entry point runs, as `python -m MODULE`.
        inherits: Names of the variables that its containers get from the sandbox's own process.
        size_bytes: Size of the manifest.
        built: When the image was built and uploaded.
    """

    repository: str
    package: str
    tag: str
    description: str
    digest: str
    signed: bool
    built: datetime
    behaviour: Mapping[str, str] = field(default_factory=dict)
    former_digests: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    module: str = APPLICATION
    inherits: tuple[str, ...] = ()
    media_type: str = _MEDIA_TYPE
    size_bytes: int = 0

    @property
    def path(self) -> str:
        """Repository and package: `HOST/PROJECT/REPOSITORY/PACKAGE`."""
        return f"{self.repository}/{self.package}"

    @property
    def by_tag(self) -> str:
        """Reference by tag."""
        return f"{self.path}:{self.tag}"

    @property
    def by_digest(self) -> str:
        """Reference by digest: the only form that cannot move."""
        return f"{self.path}@{self.digest}"


class Catalogue:
    """All images of the sandbox's registry; read-only."""

    def __init__(self, images: tuple[CatalogueImage, ...]) -> None:
        self._images = images

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Read the catalogue from `path`, by default the one of this package."""
        source = path or Path(__file__).with_name("catalogue.yaml")
        document = yaml.safe_load(source.read_text(encoding="utf-8"))
        return cls(tuple(_image(document, entry) for entry in document["images"]))

    def with_stand_ins(self, listed: Iterable[Mapping[str, Any]]) -> Catalogue:
        """Return a catalogue with images that stand in for others, beside its own.

        Each behaves as the catalogue's own image of that name and tag, or as the first one of its
        package. What the catalogue has by that name, tag and digest stays; what it has by another
        digest gives way. A package that it does not know gets none.

        Args:
            listed: Each `{"image": "PACKAGE:TAG", "digest": "sha256:…", "signed": true}`.
        """
        images = list(self._images)
        for item in listed:
            package, _, tag = item["image"].partition(":")
            named = [image for image in images if image.package == package]
            if not named or any((i.tag, i.digest) == (tag, item["digest"]) for i in named):
                continue
            same = next((image for image in named if image.tag == tag), None)
            images = [image for image in images if image is not same]
            changed = {"tag": tag, "digest": item["digest"], "signed": bool(item["signed"])}
            images.append(replace(same or named[0], former_digests=(), **changed))
        return Catalogue(tuple(images))

    def images(self) -> list[CatalogueImage]:
        """Every image, in the order of the catalogue."""
        return list(self._images)

    def resolve(self, image: str) -> CatalogueImage:
        """The image a reference points at.

        A digest wins over a tag beside it, and no tag means `latest`, as in a registry.

        Raises:
            UnknownImage: No image has this path and this tag or digest.
        """
        name, _, digest = image.partition("@")
        path, tag = _split_tag(name)
        for candidate in self._images:
            wanted = candidate.digest == digest if digest else candidate.tag == tag
            if candidate.path == path and wanted:
                return candidate
        raise UnknownImage(image)


def _split_tag(name: str) -> tuple[str, str]:
    head, slash, last = name.rpartition("/")
    package, _, tag = last.partition(":")
    return f"{head}{slash}{package}", tag or "latest"


def _image(document: Mapping[str, Any], entry: Mapping[str, Any]) -> CatalogueImage:
    package = entry.get("package", document["package"])
    build = int(entry.get("build", 1))
    manifests = [_manifest(package, entry, number) for number in range(1, build + 1)]
    digests = [f"sha256:{hashlib.sha256(manifest).hexdigest()}" for manifest in manifests]
    built = entry["built"]
    return CatalogueImage(
        repository=document["repository"],
        package=package,
        tag=str(entry["tag"]),
        description=entry["description"],
        digest=digests[-1],
        signed=bool(entry["signed"]),
        built=built if built.tzinfo else built.replace(tzinfo=UTC),
        behaviour={**_schema_environment(entry), **entry.get("environment", {})},
        annotations=_annotations(entry),
        module=document.get("modules", {}).get(package, APPLICATION),
        inherits=tuple(document.get("inherits", {}).get(package, ())),
        former_digests=tuple(digests[:-1]),
        size_bytes=len(manifests[-1]),
    )


def _schema_environment(entry: Mapping[str, Any]) -> dict[str, str]:
    """What makes the one application behave as this version's code does towards the schema."""
    schema = entry.get("schema")
    if schema is None:
        return {}
    return {
        "APP_SCHEMA_NEWEST": str(schema["newest"]),
        "APP_SCHEMA_MIN": str(schema["min"]),
        "APP_SCHEMA_MAX": str(schema["max"]),
        "APP_VECTORS_NEWEST": str(schema["vectors"]),
    }


def _annotations(entry: Mapping[str, Any]) -> dict[str, str]:
    """Version, and the range of schema versions that the code understands, both ends included."""
    found = {"org.opencontainers.image.version": str(entry["tag"])}
    if schema := entry.get("schema"):
        found[SCHEMA_MIN] = str(schema["min"])
        found[SCHEMA_MAX] = str(schema["max"])
    return found


def _manifest(package: str, entry: Mapping[str, Any], build: int) -> bytes:
    """Canonical manifest: sorted keys, no spaces. A signature lies beside it, never in it."""
    environment = {**_schema_environment(entry), **entry.get("environment", {})}
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MEDIA_TYPE,
        "config": {"package": package, "env": environment, "build": build},
        "annotations": _annotations(entry),
    }
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
