"""The template that makes the revision of a service once more."""

from typing import Any

from leitstand.core.service import RevisionState, ServiceState

__all__ = ["next_template"]


def next_template(service: ServiceState, revision: RevisionState) -> dict[str, Any]:
    """Return all of a revision that makes the next one, as JSON values of the API; it has no name.

    What a template has and a revision does not tell, as ``health_check_disabled``, is the
    service's own (``RevisionTemplate`` and ``Revision``:
    cloud.google.com/run/docs/reference/rpc/google.cloud.run.v2).
    """
    from google.cloud import run_v2

    told = run_v2.Revision.meta.fields
    fields = [field for field in run_v2.RevisionTemplate.meta.fields if field != "revision"]
    holders = {field: revision.template if field in told else service.template for field in fields}
    return {field: holder[field] for field, holder in holders.items() if field in holder}
