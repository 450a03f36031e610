"""From a forwarding rule to a Cloud Run service: what the resources mean for the public listener.

`refresh` is called after every change of one of them, of a DNS record, and of an IAP policy. It
brings the managed certificates up to what DNS says, and tells the front door its routes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from leitstand.sandbox.balancer import Backend, SourceRule
from leitstand.sandbox.rest.collection import Body
from leitstand.sandbox.rest.iap_names import accessors
from leitstand.sandbox.rest.park import Park
from leitstand.sandbox.rest.records import lookup

__all__ = ["age", "refresh", "service_for", "services_of"]

# Google's managed certificates are valid for 90 days.
_VALIDITY = timedelta(days=90)
# "Google attempts to renew a certificate about one month before its expiry".
_RENEWAL = timedelta(days=30)


def refresh(park: Park, without: str = "") -> None:
    """Bring certificates and the front door up to what the resources say.

    Args:
        park: Has the resources; its certificates and its front door are changed.
        without: Full name of a forwarding rule that is about to be deleted.
    """
    routes: dict[str, Backend] = {}
    for name, rule in park.table("compute", "globalForwardingRules").items():
        if name == without:
            continue
        proxy = _at(park, rule["target"])
        for url in proxy["sslCertificates"]:
            _certify(park, park.full_name(url), rule["IPAddress"])
            managed = _at(park, url)["managed"]
            active = _in_force(_at(park, url))
            for domain in managed["domains"]:
                found = _routes(park, proxy, domain.rstrip(".")) if active else {}
                # Of two rules for one host, the one that has a certificate serves it.
                for key, backend in (found or _refused(domain.rstrip("."))).items():
                    if key not in routes or not routes[key].certified:
                        routes[key] = backend
    park.balance(routes)


def age(park: Park, name: str, left: timedelta) -> Body:
    """Let the time pass for a certificate until it has so much left; then it may be renewed.

    Raises:
        ValueError: There is no such certificate, or it was never issued.
    """
    certificates = park.table("compute", "sslCertificates")
    full = f"projects/{park.project}/global/sslCertificates/{name}"
    body = certificates.get(full)
    if body is None or "expireTime" not in body:
        raise ValueError(f"There is no certificate {name} that was issued.")
    ends = (datetime.now(UTC) + left).isoformat(timespec="milliseconds")
    certificates[full] = {**body, "expireTime": ends}
    refresh(park)
    aged: Body = certificates[full]
    return aged


def services_of(park: Park, proxy: Body) -> Iterator[Body]:
    """The backend services that a proxy's URL map names."""
    url_map = _at(park, proxy["urlMap"])
    yield _at(park, url_map["defaultService"])
    for matcher in url_map.get("pathMatchers", ()):
        yield _at(park, matcher["defaultService"])
        for rule in matcher.get("pathRules", ()):
            yield _at(park, rule["service"])


def service_for(url_map: Body, host: str, path: str) -> str:
    """The reference to the backend service that a URL map has for a host and a path."""
    patterns = _patterns(url_map, host)
    fitting = [pattern for pattern in patterns if _fits(pattern, path)]
    # An exact path wins over a pattern, a longer pattern over a shorter one.
    return patterns[max(fitting, key=lambda text: (not text.endswith("*"), len(text)))]


def _at(park: Park, url: str) -> Body:
    found = park.find(url, "compute")
    assert found is not None, f"{url} cannot be deleted while it is named"
    return found[1]


def _routes(park: Park, proxy: Body, host: str) -> dict[str, Backend]:
    patterns = _patterns(_at(park, proxy["urlMap"]), host)
    return {f"{host}{pattern}": _backend(park, url) for pattern, url in patterns.items()}


def _refused(host: str) -> dict[str, Backend]:
    return {f"{host}/*": Backend("", certified=False)}


def _patterns(url_map: Body, host: str) -> dict[str, str]:
    """References to backend services by path pattern, for one host; `/*` is always there."""
    rules = ((pattern, rule) for rule in url_map.get("hostRules", ()) for pattern in rule["hosts"])
    fitting = [(pattern, rule) for pattern, rule in rules if _names(pattern, host)]
    if not fitting:
        return {"/*": url_map["defaultService"]}
    _, rule = max(fitting, key=lambda entry: (not entry[0].startswith("*"), len(entry[0])))
    matcher = next(m for m in url_map["pathMatchers"] if m["name"] == rule["pathMatcher"])
    paths = {p: rule["service"] for rule in matcher.get("pathRules", ()) for p in rule["paths"]}
    return {"/*": matcher["defaultService"], **paths}


def _names(pattern: str, host: str) -> bool:
    """Whether a host pattern of a URL map covers a host name."""
    pattern = pattern.partition(":")[0]
    return host.endswith(pattern[1:]) if pattern.startswith("*") else host == pattern


def _fits(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern


def _backend(park: Park, url: str) -> Backend:
    key, body = park.full_name(url), _at(park, url)
    service = tag = ""
    # Google prefers the nearest region; the sandbox has one.
    for backend in body.get("backends", ())[:1]:
        group = park.full_name(backend["group"])
        run = _at(park, backend["group"])["cloudRun"]
        _, project, _, region, *_ = group.split("/")
        service = f"projects/{project}/locations/{region}/services/{run['service']}"
        tag = run.get("tag", "")
    guarded = body.get("iap", {}).get("enabled", False)
    return Backend(
        service,
        tag,
        rules=tuple(_source_rules(park, body)),
        members=accessors(park, key, body) if guarded else None,
    )


def _source_rules(park: Park, service: Body) -> Iterator[SourceRule]:
    """The rules of the service's policy that the sandbox can decide: those by address."""
    if not service.get("securityPolicy"):
        return
    for rule in _at(park, service["securityPolicy"])["rules"]:
        match = rule["match"]
        if rule["preview"] or "versionedExpr" not in match or rule["action"] == "redirect":
            continue
        texts = match["config"]["srcIpRanges"]
        networks = () if "*" in texts else tuple(ipaddress.ip_network(text) for text in texts)
        denied = rule["action"].startswith("deny")
        yield SourceRule(networks, int(rule["action"][5:8]) if denied else 0)


def _certify(park: Park, name: str, address: str) -> None:
    """Bring a managed certificate up to what DNS says of its domains.

    Once ACTIVE it stays so until it is to be renewed; what cannot be renewed is in force until its
    end.
    https://cloud.google.com/load-balancing/docs/ssl-certificates/troubleshooting#certificate-managed-status
    """
    certificates = park.table("compute", "sslCertificates")
    body = certificates[name]
    managed = body["managed"]
    if managed["status"] == "ACTIVE" and _left(body) > _RENEWAL:
        return
    before: Mapping[str, str] = managed["domainStatus"]
    states = {domain: _state(park, name, domain, address) for domain in managed["domains"]}
    visible = set(states.values()) == {"ACTIVE"}
    if states == before and not visible:
        return
    changed = {**body, "managed": {**managed, "domainStatus": states}}
    if visible:
        changed["managed"]["status"] = "ACTIVE"
        changed["subjectAlternativeNames"] = [domain.rstrip(".") for domain in managed["domains"]]
        changed["expireTime"] = (datetime.now(UTC) + _VALIDITY).isoformat(timespec="milliseconds")
    elif "expireTime" in body:
        changed["managed"]["status"] = "RENEWAL_FAILED"
    certificates[name] = changed


def _in_force(certificate: Body) -> bool:
    """Whether there is a certificate that browsers accept."""
    return "expireTime" in certificate and _left(certificate) > timedelta()


def _left(certificate: Body) -> timedelta:
    """How long a certificate still holds."""
    return datetime.fromisoformat(certificate["expireTime"]) - datetime.now(UTC)


def _state(park: Park, name: str, domain: str, address: str) -> str:
    found = lookup(park, name.split("/")[1], domain)
    if not found:
        return "PROVISIONING"
    return "ACTIVE" if found == {address} else "FAILED_NOT_VISIBLE"
