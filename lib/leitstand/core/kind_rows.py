"""What rows of the table of kinds have in common: where resources lie, and how policies behave."""

from leitstand.core.kinds import Kind, Operation, Step

__all__ = ["GLOBAL", "LOCATION", "POLICY", "REGIONAL", "compute"]

LOCATION = "projects/{project}/locations/{region}"
GLOBAL = "projects/{project}/global"
REGIONAL = "projects/{project}/regions/{region}"
POLICY = {
    "read": "getIamPolicy",
    "create": "",
    "update": "setIamPolicy",
    "delete": "",
    "wrapper": "policy",
    "version": "etag",
    "whole": True,
    "lists": {"bindings": "role,condition", "bindings.members": ""},
}


def compute(name: str, title: str, step: Step, path: str, **more: object) -> Kind:
    """Return a kind of Compute Engine."""
    return Kind(
        name=f"compute.{name}",
        title=title,
        api="compute.v1",
        collection=name,
        path=path,
        step=step,
        **{"create": "insert", "id_field": "name", "operation": Operation.COMPUTE, **more},  # type: ignore[arg-type]  # columns of the table
    )
