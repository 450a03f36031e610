"""Rules of the network: where each alone goes red, for ``test_rules``, and where none does."""

from leitstand.core.hardening import Estate
from tests.core.hardening.estate import added, changed, listed, red, unlisted, url, without

RED: list[tuple[str, Estate]] = [
    ("only-load-balancer-reachable", changed("run.services/web", "ingress", "INGRESS_TRAFFIC_ALL")),
    (
        "only-load-balancer-reachable",
        listed(
            "run.services",
            {
                "name": "projects/p/locations/r/services/forgotten",
                "template": {"serviceAccount": "a@p.iam.gserviceaccount.com"},
            },
        ),
    ),
    ("only-load-balancer-reachable", unlisted("run.services")),
    (
        "one-external-address",
        listed(
            "compute.forwardingRules",
            {
                "name": "old",
                "selfLink": url("regions/europe-west1/forwardingRules/old"),
                "loadBalancingScheme": "EXTERNAL",
                "IPAddress": "203.0.113.9",
            },
        ),
    ),
    ("one-external-address", unlisted("compute.forwardingRules")),
    ("load-balancer-serves-web", without("compute.globalForwardingRules/main")),
    (
        "load-balancer-serves-web",
        changed("compute.globalForwardingRules/main", "loadBalancingScheme", "INTERNAL_MANAGED"),
    ),
    (
        "https-only",
        added(
            "compute.globalForwardingRules/plain",
            {
                "name": "plain",
                "loadBalancingScheme": "EXTERNAL_MANAGED",
                "IPAddress": "203.0.113.7",
                "portRange": "80-80",
                "target": url("global/targetHttpProxies/plain"),
            },
        ),
    ),
    (
        "managed-certificate-active",
        changed("compute.sslCertificates/main", "managed.status", "PROVISIONING"),
    ),
    (
        "managed-certificate-active",
        changed("compute.sslCertificates/main", "managed.domains", ["app.example.com"]),
    ),
    ("managed-certificate-active", changed("compute.sslCertificates/main", "type", "SELF_MANAGED")),
    (
        "dns-points-to-load-balancer",
        changed("dns.resourceRecordSets/main/app.example.com./A", "rrdatas", ["198.51.100.1"]),
    ),
    ("dns-points-to-load-balancer", without("dns.resourceRecordSets/main/app.example.com./A")),
    ("own-vpc", changed("compute.networks/main", "autoCreateSubnetworks", True)),
    ("services-reach-the-vpc", changed("run.services/worker", "template.vpcAccess", {})),
    ("services-reach-the-vpc", changed("run.jobs/migrate", "template.template.vpcAccess", {})),
]


def test_direct_egress_into_the_own_network_is_a_way_too() -> None:
    interfaces = [{"network": "main", "subnetwork": "services"}]
    assert set() == red(
        changed("run.services/worker", "template.vpcAccess", {"networkInterfaces": interfaces})
    )


def test_an_internal_service_may_keep_its_address() -> None:
    assert set() == red(changed("run.services/worker", "defaultUriDisabled", False))
