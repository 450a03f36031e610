"""Images in Artifact Registry."""

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import NotFound, translated
from leitstand.core.names import short_name
from leitstand.core.release import Image
from leitstand.core.schema import SchemaRange

__all__ = ["Registry"]


class Registry:
    """Reads one Docker repository."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._repository = connection.environment.artifact_registry.repository

    def image(self, reference: str) -> Image:
        """Return the image ``package:tag``; a tag that does not exist gives an empty digest.

        The signature is looked for where cosign puts it: under the tag ``sha256-<hex>.sig`` of the
        same package.
        """
        package, _, tag = reference.partition(":")
        versions = self.tags(package)
        digest = versions.get(tag, "")
        return Image(
            reference=reference,
            repository=self._repository,
            digest=digest,
            signed=bool(digest) and _signature(digest) in versions,
            known_tags=tuple(sorted(t for t in versions if not t.endswith(".sig"))),
            schema=self._schema(package, digest) if digest else None,
        )

    def is_signed(self, image: str) -> bool:
        """Return whether a signature lies beside ``HOST/PROJECT/REPOSITORY/PACKAGE@DIGEST``."""
        package, _, digest = image.rpartition("/")[2].partition("@")
        return _signature(digest) in self.tags(package)

    def _schema(self, package: str, digest: str) -> SchemaRange | None:
        """Return the schema versions that the version's annotations name."""
        name = f"{self._package(package)}/versions/{digest}"
        with translated(f"Version {digest[:19]} lesen"):
            version = self._connection.registry.get_version(request={"name": name})
        return SchemaRange.from_annotations(dict(version.annotations))

    def tags(self, package: str) -> dict[str, str]:
        """Return digest by tag of a package, those of signatures included; read-only."""
        parent = self._package(package)
        try:
            with translated(f"Tags von {package} lesen"):
                found = list(self._connection.registry.list_tags(request={"parent": parent}))
        except NotFound:
            return {}
        return {short_name(tag.name): short_name(tag.version) for tag in found}

    def _package(self, package: str) -> str:
        """Return the full resource name of a package."""
        host, project, repository = self._repository.split("/")
        location = host.removesuffix("-docker.pkg.dev")
        parent = f"projects/{project}/locations/{location}/repositories/{repository}"
        return f"{parent}/packages/{package}"


def _signature(digest: str) -> str:
    """Return the tag under which cosign puts the signature of a digest."""
    return f"{digest.replace(':', '-')}.sig"
