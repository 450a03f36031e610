"""Artifact Registry: repositories, packages, versions, tags and Docker images of the catalogue.

A signed image has, beside its own tag, the tag `sha256-HEX.sig` in the same package: the place
where cosign puts a signature (https://github.com/sigstore/cosign, signature specification).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.cloud.artifactregistry_v1 import types
from google.protobuf import empty_pb2

from leitstand.sandbox.errors import already_exists, invalid
from leitstand.sandbox.images.catalogue import Catalogue, CatalogueImage, UnknownImage
from leitstand.sandbox.registry_listing import below, find, paged
from leitstand.sandbox.registry_names import (
    HOST,
    package_name,
    package_of,
    signature,
    signature_tag,
)
from leitstand.sandbox.repositories import Repositories
from leitstand.sandbox.store import Store

__all__ = ["Registry"]

SERVICE = "/google.devtools.artifactregistry.v1.ArtifactRegistry/"
TAG_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Registry:
    """The catalogue's images, as they lie in the repositories of the sandbox."""

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._repositories = store.table("repositories", types.Repository)
        self._versions = store.table("image_versions", types.Version)
        self._tags = store.table("image_tags", types.Tag)
        self._made = Repositories(store, self.load)

    def seed(self, listed: Iterable[Mapping[str, Any]]) -> None:
        """Create the listed repositories, each `{"name": "projects/…/repositories/R"}`."""
        self._made.seed(listed)

    def load(self) -> None:
        """Bring in the images that the catalogue has now, and drop those it has no more."""
        known: set[str] = set()
        for image in self._catalogue.images():
            package = package_of(image)
            if package.partition("/packages/")[0] in self._repositories:
                known |= self._bring(package, image)
        for name in [name for name in self._versions if name not in known]:
            del self._versions[name]
        for name in [name for name, tag in self._tags.items() if tag.version not in known]:
            del self._tags[name]

    def resolve(self, image: str) -> CatalogueImage:
        """The image of a reference by digest or by tag, where the tag points now.

        Raises:
            UnknownImage: There is no such tag or digest.
        """
        path, _, digest = image.partition("@")
        if digest:
            return self._catalogue.resolve(image)
        head, _, last = path.rpartition("/")
        package, _, tag = last.partition(":")
        match = HOST.fullmatch(head)
        if match is None:
            raise UnknownImage(image)
        name = package_name(match, package)
        found = self._tags.get(f"{name}/tags/{tag or 'latest'}")
        if found is None:
            raise UnknownImage(image)
        return self._catalogue.resolve(f"{head}/{package}@{found.version.rpartition('/')[2]}")

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods."""
        return {
            **self._made.methods(),
            SERVICE + "GetPackage": self.get_package,
            SERVICE + "ListPackages": self.list_packages,
            SERVICE + "GetVersion": self.get_version,
            SERVICE + "ListVersions": self.list_versions,
            SERVICE + "GetTag": self.get_tag,
            SERVICE + "ListTags": self.list_tags,
            SERVICE + "CreateTag": self.create_tag,
            SERVICE + "UpdateTag": self.update_tag,
            SERVICE + "DeleteTag": self.delete_tag,
            SERVICE + "GetDockerImage": self.get_docker_image,
            SERVICE + "ListDockerImages": self.list_docker_images,
        }

    async def get_package(self, request: types.GetPackageRequest) -> types.Package:
        """One package."""
        return find(self._packages(), request.name, "Package")

    async def list_packages(self, request: types.ListPackagesRequest) -> types.ListPackagesResponse:
        """The packages of a repository."""
        find(self._repositories, request.parent, "Repository")
        shown, token = paged(below(self._packages(), request.parent, "packages"), request)
        return types.ListPackagesResponse(packages=shown, next_page_token=token)

    async def get_version(self, request: types.GetVersionRequest) -> types.Version:
        """One version, by digest; with its tags in the full view."""
        version = find(self._versions, request.name, "Version")
        return self._viewed(version, request.view)

    async def list_versions(self, request: types.ListVersionsRequest) -> types.ListVersionsResponse:
        """The versions of a package."""
        found = below(self._versions, request.parent, "versions")
        shown, token = paged(found, request)
        viewed = [self._viewed(version, request.view) for version in shown]
        return types.ListVersionsResponse(versions=viewed, next_page_token=token)

    async def get_tag(self, request: types.GetTagRequest) -> types.Tag:
        """One tag: which version it points at now."""
        return find(self._tags, request.name, "Tag")

    async def list_tags(self, request: types.ListTagsRequest) -> types.ListTagsResponse:
        """The tags of a package; `filter` may be `version="FULL NAME"`."""
        found = below(self._tags, request.parent, "tags")
        if request.filter:
            match = re.fullmatch(r'\s*version\s*=\s*"?([^"\s]+)"?\s*', request.filter)
            if match is None:
                raise invalid(f"Filter '{request.filter}' is not possible.", "filter")
            found = [tag for tag in found if tag.version == match[1]]
        shown, token = paged(found, request, filtered=True)
        return types.ListTagsResponse(tags=shown, next_page_token=token)

    async def create_tag(self, request: types.CreateTagRequest) -> types.Tag:
        """Let a new tag point at a version of the same package."""
        if not TAG_ID.fullmatch(request.tag_id):
            raise invalid(f"Tag ID '{request.tag_id}' is not valid.", "tag_id")
        name = f"{request.parent}/tags/{request.tag_id}"
        if name in self._tags:
            raise already_exists(name, "Tag")
        return self._point(name, request.tag.version)

    async def update_tag(self, request: types.UpdateTagRequest) -> types.Tag:
        """Let a tag point at another version of the same package."""
        find(self._tags, request.tag.name, "Tag")
        self._made.check_tags_movable(request.tag.name)
        if list(request.update_mask.paths) not in ([], ["version"], ["*"]):
            raise invalid("Only the field version can be updated.", "update_mask")
        return self._point(request.tag.name, request.tag.version)

    async def delete_tag(self, request: types.DeleteTagRequest) -> empty_pb2.Empty:
        """Delete a tag; its version stays."""
        find(self._tags, request.name, "Tag")
        self._made.check_tags_movable(request.name)
        del self._tags[request.name]
        return empty_pb2.Empty()

    async def get_docker_image(self, request: types.GetDockerImageRequest) -> types.DockerImage:
        """One image, by digest."""
        repository = request.name.partition("/dockerImages/")[0]
        images = {image.name: image for image in self._docker_images(repository)}
        return find(images, request.name, "Docker image")

    async def list_docker_images(
        self, request: types.ListDockerImagesRequest
    ) -> types.ListDockerImagesResponse:
        """The images of a repository, signatures included, as the registry has them."""
        find(self._repositories, request.parent, "Repository")
        images = sorted(self._docker_images(request.parent), key=lambda image: image.name)
        shown, token = paged(images, request)
        return types.ListDockerImagesResponse(docker_images=shown, next_page_token=token)

    def _bring(self, package: str, image: CatalogueImage) -> set[str]:
        """The names of the image's versions: its own, and that of its signature."""
        added = {f"{package}/versions/{image.digest}": image.tag}
        if image.signed:
            added[f"{package}/versions/{signature(image)}"] = signature_tag(image)
        for name, tag in added.items():
            if name not in self._versions:
                self._versions[name] = types.Version(
                    name=name,
                    create_time=image.built,
                    update_time=image.built,
                    annotations=image.annotations if tag == image.tag else {},
                )
                self._point(f"{package}/tags/{tag}", name)
        return set(added)

    def _point(self, name: str, version: str) -> types.Tag:
        if version.partition("/versions/")[0] != name.partition("/tags/")[0]:
            raise invalid("A tag must point at a version of its own package.", "tag.version")
        find(self._versions, version, "Version")
        self._tags[name] = types.Tag(name=name, version=version)
        return self._tags[name]

    def _packages(self) -> dict[str, types.Package]:
        found: dict[str, types.Package] = {}
        for version in self._versions.values():
            name = version.name.partition("/versions/")[0]
            package = found.setdefault(
                name,
                types.Package(
                    name=name,
                    display_name=name.rpartition("/")[2],
                    create_time=version.create_time,
                    update_time=version.create_time,
                ),
            )
            package.create_time = min(package.create_time, version.create_time)
            package.update_time = max(package.update_time, version.create_time)
        return found

    def _viewed(self, version: types.Version, view: types.VersionView) -> types.Version:
        if view != types.VersionView.FULL:
            return version
        tags = [tag for tag in self._tags.values() if tag.version == version.name]
        return types.Version(
            name=version.name,
            create_time=version.create_time,
            update_time=version.update_time,
            related_tags=sorted(tags, key=lambda tag: tag.name),
            annotations=version.annotations,
        )

    def _docker_images(self, repository: str) -> list[types.DockerImage]:
        found = []
        for image in self._catalogue.images():
            package = package_of(image)
            for digest in (image.digest, signature(image)):
                version = f"{package}/versions/{digest}"
                if not package.startswith(f"{repository}/") or version not in self._versions:
                    continue
                tags = [name for name, tag in self._tags.items() if tag.version == version]
                found.append(
                    types.DockerImage(
                        name=f"{repository}/dockerImages/{image.package}@{digest}",
                        uri=f"{image.path}@{digest}",
                        tags=sorted(name.rpartition("/")[2] for name in tags),
                        image_size_bytes=image.size_bytes,
                        upload_time=image.built,
                        build_time=image.built,
                        update_time=image.built,
                        media_type=image.media_type,
                    )
                )
        return found
