"""Rules of the network: one door from outside, everything else private."""

from collections.abc import Iterator

from leitstand.core.hardening.containers import workloads
from leitstand.core.hardening.estate import Estate, relative
from leitstand.core.hardening.front import external_rules, fronts, proxy_of
from leitstand.core.hardening.rule import Finding, Rule, rule

__all__ = ["RULES"]

_INGRESS = "Produktion, Architekturunterschiede: Ingress"
_STEP_1 = "Produktion, Schritt 1: VPC"

INTERNAL = ("INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER")
"""Values of ``ingress`` with which the internet does not reach a service itself."""


@rule(
    "only-load-balancer-reachable", "Kein Dienst ist am Load Balancer vorbei erreichbar", "error",
    source=_INGRESS,
    why="Ein offener Dienst umgeht Zertifikat, Cloud Armor und IAP.",
)  # fmt: skip
def _only_load_balancer(estate: Estate) -> Iterator[Finding]:
    for item in estate.all("run.services"):
        # A service that states nothing accepts everything: that is Cloud Run's default.
        ingress = item.get("ingress", "INGRESS_TRAFFIC_ALL")
        if ingress not in (*INTERNAL, "INGRESS_TRAFFIC_NONE"):
            yield item.finding(
                "ingress", ingress, list(INTERNAL),
                f"Der Dienst {item.id} nimmt Anfragen aus dem Internet an.",
            )  # fmt: skip
    if "run.services" not in estate.listed:
        yield estate.unobserved(
            None, "run.services", list(INTERNAL),
            "Die übrigen Cloud-Run-Dienste des Projekts wurden nicht aufgelistet.",
        )  # fmt: skip


@rule(
    "one-external-address", "Nur der Load Balancer der Anwendung hat eine öffentliche Adresse",
    "error",
    source=_INGRESS,
    why="Jede weitere öffentliche Weiterleitungsregel ist ein zweiter Eingang, den niemand prüft.",
)  # fmt: skip
def _one_address(estate: Estate) -> Iterator[Finding]:
    doors = fronts(estate)
    addresses = {door.get("IPAddress") for door in doors}
    for item in external_rules(estate) if doors else ():
        if item.get("IPAddress") not in addresses:
            yield item.finding(
                "loadBalancingScheme", item.get("loadBalancingScheme"), "INTERNAL",
                f"Die Weiterleitungsregel {item.id} öffnet {item.get('IPAddress')} nach außen.",
            )  # fmt: skip
    if doors and "compute.forwardingRules" not in estate.listed:
        yield estate.unobserved(
            None, "compute.forwardingRules", "INTERNAL",
            "Die übrigen Weiterleitungsregeln des Projekts wurden nicht aufgelistet.",
        )  # fmt: skip


@rule(
    "load-balancer-serves-web", "Der globale Load Balancer führt zum Dienst web", "error",
    source=_INGRESS,
    why="Ohne diese Kette ist die Anwendung von außen nicht erreichbar.",
)  # fmt: skip
def _serves_web(estate: Estate) -> Iterator[Finding]:
    if not fronts(estate):
        yield estate.missing(
            "compute.globalForwardingRules", estate.policy.web,
            f"Keine öffentliche Weiterleitungsregel führt über HTTPS zum Dienst "
            f"{estate.policy.web}.",
        )  # fmt: skip


@rule(
    "https-only", "Die öffentliche Adresse spricht nur HTTPS", "error",
    source="Produktion, Schritt 5: globaler HTTPS Load Balancer",
    why="Über unverschlüsseltes HTTP wären Sitzungen und Kundendaten mitlesbar.",
)  # fmt: skip
def _https_only(estate: Estate) -> Iterator[Finding]:
    addresses = {door.get("IPAddress") for door in fronts(estate)}
    redirects = {
        item.name
        for item in estate.all("compute.urlMaps")
        if item.get("defaultUrlRedirect.httpsRedirect") and not item.get("pathMatchers")
    }
    plain = {item.name: item for item in estate.all("compute.targetHttpProxies")}
    for item in external_rules(estate):
        if item.get("IPAddress") not in addresses or proxy_of(estate, item):
            continue
        proxy = plain.get(relative(item.get("target")))
        if proxy is None or relative(proxy.get("urlMap")) not in redirects:
            yield item.finding(
                "target", relative(item.get("target")), "targetHttpsProxies",
                f"Die Weiterleitungsregel {item.id} nimmt auf Port {item.get('portRange')} "
                "Anfragen ohne TLS an.",
            )  # fmt: skip


@rule(
    "managed-certificate-active", "Das verwaltete Zertifikat der Domain ist aktiv", "error",
    source="Produktion, Architekturunterschiede: Ingress, Managed SSL-Zertifikat",
    why="Ohne aktives Zertifikat weisen Browser die Anwendung ab.",
)  # fmt: skip
def _certificate(estate: Estate) -> Iterator[Finding]:
    certificates = {item.name: item for item in estate.all("compute.sslCertificates")}
    for door in fronts(estate):
        proxy = proxy_of(estate, door)
        if proxy is None:
            continue
        names = [relative(url) for url in proxy.get("sslCertificates", ())]
        used = [certificates[name] for name in names if name in certificates]
        covered = {
            domain
            for item in used
            if item.get("type") == "MANAGED" and item.get("managed.status") == "ACTIVE"
            for domain in item.get("managed.domains", ())
        }
        states = {item.id: item.get("managed.status", item.get("type")) for item in used}
        for domain in estate.policy.domains:
            if domain not in covered:
                yield proxy.finding(
                    f"sslCertificates.{domain}", states, {domain: "ACTIVE"},
                    f"Kein verwaltetes Zertifikat für {domain} ist aktiv.",
                )  # fmt: skip


@rule(
    "dns-points-to-load-balancer", "Jeder DNS-Eintrag zeigt auf den Load Balancer", "error",
    source="Produktion, Architekturunterschiede: Ingress, DNS-Eintrag",
    why="Zeigt der Name woandershin, erreicht niemand die Anwendung und das Zertifikat läuft aus.",
)  # fmt: skip
def _dns(estate: Estate) -> Iterator[Finding]:
    doors = fronts(estate)
    wanted = {door.get("IPAddress") for door in doors}
    expected = sorted(map(str, wanted))
    for domain in estate.policy.domains if doors else ():
        records = [
            item
            for item in estate.all("dns.resourceRecordSets")
            if item.get("name") == f"{domain}." and item.get("type") in ("A", "AAAA")
        ]
        if not records:
            yield estate.missing(
                f"dns.resourceRecordSets.{domain}", expected,
                f"Für {domain} gibt es keinen DNS-Eintrag.",
            )  # fmt: skip
        for record in records:
            if not set(record.get("rrdatas", ())) <= wanted:
                yield record.finding(
                    "rrdatas", record.get("rrdatas"), expected,
                    f"Der DNS-Eintrag {domain} zeigt nicht nur auf den Load Balancer.",
                )  # fmt: skip


@rule(
    "own-vpc", "Die Produktion hat ein eigenes VPC-Netz mit geplanten Subnetzen", "error",
    source=_STEP_1,
    why="Ein automatisch angelegtes Netz teilt Adressbereiche, die niemand geplant hat.",
)  # fmt: skip
def _own_vpc(estate: Estate) -> Iterator[Finding]:
    networks = estate.all("compute.networks")
    if not networks:
        yield estate.missing("compute.networks", "VPC", "Im Projekt gibt es kein eigenes VPC-Netz.")
    for item in networks:
        if item.get("autoCreateSubnetworks", False):
            yield item.finding(
                "autoCreateSubnetworks", True, False,
                f"Das Netz {item.id} legt seine Subnetze selbst an.",
            )  # fmt: skip


@rule(
    "services-reach-the-vpc", "Alle Dienste greifen über die VPC zu", "error",
    source="Produktion, Architekturunterschiede: Cloud SQL, Serverless VPC Access",
    why="Ohne Weg in die VPC erreicht ein Dienst weder Datenbank noch Redis auf privaten Adressen.",
)  # fmt: skip
def _reach_vpc(estate: Estate) -> Iterator[Finding]:
    policy = estate.policy
    known = {policy.web, policy.worker, policy.beat, policy.litellm, policy.migrate}
    connectors = {item.name for item in estate.all("vpcaccess.connectors")}
    networks = {item.name for item in estate.all("compute.networks")}
    subnets = {item.name for item in estate.all("compute.subnetworks")}
    own = {short for name in networks | subnets for short in (name, name.rsplit("/", 1)[-1])}
    for workload in workloads(estate):
        if workload.item.id not in known:
            continue
        access = workload.template.get("vpcAccess", {})
        direct = [
            interface
            for interface in access.get("networkInterfaces", ())
            if relative(interface.get("subnetwork") or interface.get("network")) in own
        ]
        if access.get("connector") not in connectors and not direct:
            yield workload.item.finding(
                f"{workload.path}.vpcAccess", dict(access), sorted(connectors),
                f"{workload.item.id} hat keinen Weg in das VPC-Netz.",
            )  # fmt: skip


RULES: tuple[Rule, ...] = (
    _only_load_balancer,
    _one_address,
    _serves_web,
    _https_only,
    _certificate,
    _dns,
    _own_vpc,
    _reach_vpc,
)
