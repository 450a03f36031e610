"""Tags that cost money for nothing: which a service has, and the plan that removes them."""

from leitstand.core.plan import Action, Plan
from leitstand.core.service import ServiceState
from leitstand.core.traffic import Share, Split

__all__ = ["idle_tags", "plan_removal"]


def idle_tags(service: ServiceState) -> tuple[str, ...]:
    """Return the tags of revisions without traffic, sorted."""
    split = service.traffic.pinned(service.latest_ready_revision)
    return tuple(sorted(tag for tag, name in split.tags().items() if name not in split.serving()))


def plan_removal(service: ServiceState, *, environment: str) -> Plan:
    """Return the plan that removes idle tags; empty where there is none."""
    idle = idle_tags(service)
    kept = [share for share in service.traffic.shares if share.tag not in idle]

    def split(id: str, shares: tuple[Share, ...]) -> Action:
        arguments = {"traffic": Split(shares).as_data()}
        return Action(id, "set_traffic", service.name, arguments)

    return Plan(
        runbook="remove_tags",
        environment=environment,
        target=service.name,
        basis={"etag": service.etag, "tags": list(idle)},
        actions=(split("remove", tuple(kept)),) if idle else (),
        way_back=(split("back", service.traffic.shares),) if idle else (),
        restored="Die Tags sind wieder da.",
    )
