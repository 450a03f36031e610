"""How requests come in from outside: rule, proxy, URL map, backend, service."""

from leitstand.core.hardening.estate import Estate, Item, relative
from leitstand.core.nested import texts

__all__ = ["backends_of", "external_rules", "fronts", "proxy_of"]


def external_rules(estate: Estate) -> tuple[Item, ...]:
    """Return every forwarding rule that takes requests from the internet."""
    rules: dict[str, Item] = {}
    for kind in ("compute.globalForwardingRules", "compute.forwardingRules"):
        for item in estate.all(kind):
            if str(item.get("loadBalancingScheme", "")).startswith("EXTERNAL"):
                rules.setdefault(item.name, item)
    return tuple(rules.values())


def proxy_of(estate: Estate, rule: Item) -> Item | None:
    """Return the HTTPS proxy that a forwarding rule leads to."""
    return _named(estate, "compute.targetHttpsProxies", rule.get("target"))


def backends_of(estate: Estate, service: str) -> tuple[Item, ...]:
    """Return the backend services that lead to a Cloud Run service."""
    groups = {
        item.name
        for item in estate.all("compute.regionNetworkEndpointGroups")
        if item.get("cloudRun.service") == service
    }
    return tuple(
        item
        for item in estate.all("compute.backendServices")
        if groups & {relative(backend.get("group")) for backend in item.get("backends", ())}
    )


def fronts(estate: Estate) -> tuple[Item, ...]:
    """Return the external forwarding rules that lead over HTTPS to the web service."""
    wanted = {item.name for item in backends_of(estate, estate.policy.web)}
    found = []
    for rule in external_rules(estate):
        proxy = proxy_of(estate, rule)
        url_map = _named(estate, "compute.urlMaps", proxy.get("urlMap")) if proxy else None
        if url_map and wanted & {relative(text) for text in texts(url_map.body)}:
            found.append(rule)
    return tuple(found)


def _named(estate: Estate, kind: str, reference: object) -> Item | None:
    name = relative(reference)
    return next((item for item in estate.all(kind) if item.name == name), None)
