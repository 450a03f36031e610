"""Which collections there are, by API; each is imported when its API is first asked for."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["KINDS"]

_SITE = "leitstand.sandbox.rest"

# "module:Class".
KINDS: Mapping[str, tuple[str, ...]] = {
    "artifactregistry": (f"{_SITE}.grpc_policies:RepositoryPolicies",),
    "bigquery": (
        f"{_SITE}.bigquery:Datasets",
        f"{_SITE}.bigquery:Tables",
        f"{_SITE}.bigquery:TableData",
    ),
    "cloudresourcemanager": (f"{_SITE}.resourcemanager:Projects",),
    "cloudscheduler": (f"{_SITE}.scheduler.jobs:Jobs",),
    "compute": (
        f"{_SITE}.compute.networks:Networks",
        f"{_SITE}.compute.subnetworks:Subnetworks",
        f"{_SITE}.compute.addresses:GlobalAddresses",
        f"{_SITE}.compute.addresses:Addresses",
        f"{_SITE}.compute.endpoint_groups:RegionNetworkEndpointGroups",
        f"{_SITE}.compute.security_policies:SecurityPolicies",
        f"{_SITE}.compute.backend_services:BackendServices",
        f"{_SITE}.compute.url_maps:UrlMaps",
        f"{_SITE}.compute.ssl_certificates:SslCertificates",
        f"{_SITE}.compute.target_https_proxies:TargetHttpsProxies",
        f"{_SITE}.compute.forwarding_rules:GlobalForwardingRules",
        f"{_SITE}.compute.forwarding_rules:ForwardingRules",
    ),
    "dns": (f"{_SITE}.dns:ManagedZones", f"{_SITE}.dns:ResourceRecordSets"),
    "iam": (
        f"{_SITE}.iam:ServiceAccounts",
        f"{_SITE}.account_keys:AccountKeys",
        f"{_SITE}.workload_identity:Pools",
        f"{_SITE}.workload_identity:Providers",
    ),
    "iap": (f"{_SITE}.iap:IapPolicies",),
    "logging": (
        f"{_SITE}.logging:Buckets",
        f"{_SITE}.logging:Sinks",
        f"{_SITE}.log_metrics:Metrics",
    ),
    "monitoring": (
        f"{_SITE}.alert_policies:AlertPolicies",
        f"{_SITE}.alert_policies:Alerts",
        f"{_SITE}.notification_channels:NotificationChannels",
    ),
    "pubsub": (f"{_SITE}.pubsub:Topics",),
    "redis": (f"{_SITE}.redis.instances:Instances",),
    "run": (f"{_SITE}.grpc_policies:RunServicePolicies", f"{_SITE}.grpc_policies:RunJobPolicies"),
    "secretmanager": (f"{_SITE}.grpc_policies:SecretPolicies",),
    "servicenetworking": (f"{_SITE}.servicenetworking:Connections",),
    "serviceusage": (f"{_SITE}.serviceusage:Services",),
    "storage": (f"{_SITE}.storage.buckets:Buckets", f"{_SITE}.storage.objects:Objects"),
    "vpcaccess": (f"{_SITE}.vpcaccess:Connectors",),
}
