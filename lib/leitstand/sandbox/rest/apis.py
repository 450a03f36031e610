"""The APIs that are served over REST, and where their resources are kept."""

from __future__ import annotations

from collections.abc import Mapping

from leitstand.sandbox.store import Store

__all__ = ["COMPUTE", "TABLES", "VERSIONS", "counts"]

# What the selfLinks of Compute Engine begin with.
COMPUTE = "https://www.googleapis.com/compute/v1/"
# The store's tables are named "rest/compute/networks".
TABLES = "rest/"

# The version of each API, by its name.
VERSIONS: Mapping[str, str] = {
    "artifactregistry": "v1",
    "bigquery": "v2",
    "cloudresourcemanager": "v3",
    "cloudscheduler": "v1",
    "compute": "v1",
    "dns": "v1",
    "iam": "v1",
    "iap": "v1",
    "logging": "v2",
    "monitoring": "v3",
    "pubsub": "v1",
    "redis": "v1",
    "run": "v2",
    "secretmanager": "v1",
    "servicenetworking": "v1",
    "serviceusage": "v1",
    "sqladmin": "v1",
    "storage": "v1",
    "vpcaccess": "v1",
}


def counts(store: Store) -> dict[str, int]:
    """How many resources each collection has, by "compute.networks"; without empty ones."""
    sizes = store.sizes(TABLES)
    return {name.removeprefix(TABLES).replace("/", ".", 1): size for name, size in sizes.items()}
