"""How references of images and resource names of Artifact Registry belong together."""

from __future__ import annotations

import hashlib
import re

from leitstand.sandbox.images.catalogue import CatalogueImage

__all__ = ["HOST", "package_name", "package_of", "signature", "signature_tag"]

HOST = re.compile(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/(.+)")


def signature_tag(image: CatalogueImage) -> str:
    """The tag under which cosign looks for the image's signature."""
    return image.digest.replace(":", "-") + ".sig"


def signature(image: CatalogueImage) -> str:
    """The digest of the manifest that holds the signature."""
    return "sha256:" + hashlib.sha256(f"signature of {image.digest}".encode()).hexdigest()


def package_of(image: CatalogueImage) -> str:
    """Full resource name of the image's package."""
    match = HOST.fullmatch(image.repository)
    if match is None:
        raise ValueError(f"'{image.repository}' is no repository of Artifact Registry.")
    return package_name(match, image.package)


def package_name(match: re.Match[str], package: str) -> str:
    """Full resource name of a package in the repository that `HOST` matched."""
    location, project, repository = match.groups()
    return f"projects/{project}/locations/{location}/repositories/{repository}/packages/{package}"
