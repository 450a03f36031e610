"""How an instance is reached: which settings Cloud SQL accepts, and the names that it gives out."""

from __future__ import annotations

import hashlib
import re

from google.cloud import sqladmin_v1 as sql

from leitstand.sandbox.sql.errors import invalid_request

__all__ = ["check_connectivity", "give_names"]

NETWORK = re.compile(
    r"(?:https://(?:www|compute)\.googleapis\.com/compute/v1)?/?"
    r"projects/[^/]+/global/networks/[a-z][-a-z0-9]*"
)
PROJECT = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]|\d+")
Mode = sql.IpConfiguration.SslMode
# Google's own projects, in which instances and their service attachments live.
TENANT_PROJECT = "100000000001"


def check_connectivity(given: sql.IpConfiguration, before: sql.IpConfiguration | None) -> None:
    """Refuse addresses and encryption that Cloud SQL refuses.

    Rules: the API's reference of `IpConfiguration` (`privateNetwork`, `sslMode`, `requireSsl`) and
    https://cloud.google.com/sql/docs/postgres/configure-private-service-connect.

    Args:
        given: As it shall be, complete.
        before: As it is; None for a new instance.

    Raises:
        ApiError: INVALID_ARGUMENT.
    """
    network, psc = given.private_network, given.psc_config
    if network and not NETWORK.fullmatch(network):
        raise invalid_request(
            f"Invalid private network ({network}): expected projects/PROJECT/global/networks/"
            "NETWORK."
        )
    if given.ipv4_enabled is False and not network and not psc.psc_enabled:
        raise invalid_request(
            "At least one of Public IP or Private IP or PSC connectivity must be enabled."
        )
    if before is not None and before.private_network and not network:
        raise invalid_request("The private network cannot be removed after it is set.")
    if psc.allowed_consumer_projects and not psc.psc_enabled:
        raise invalid_request("Allowed consumer projects need Private Service Connect.")
    for project in psc.allowed_consumer_projects:
        if not PROJECT.fullmatch(project):
            raise invalid_request(f"Invalid consumer project ({project}).")
    if given.require_ssl and given.ssl_mode in (
        Mode.ALLOW_UNENCRYPTED_AND_ENCRYPTED,
        Mode.ENCRYPTED_ONLY,
    ):
        raise invalid_request(f"requireSsl conflicts with sslMode {Mode(given.ssl_mode).name}.")
    if given.require_ssl is False and given.ssl_mode == Mode.TRUSTED_CLIENT_CERTIFICATE_REQUIRED:
        raise invalid_request(f"requireSsl conflicts with sslMode {Mode(given.ssl_mode).name}.")


def give_names(instance: sql.DatabaseInstance) -> None:
    """Changes `instance`: its service attachment and DNS name, where it has PSC; else neither.

    The same instance always gets the same names.
    """
    if not instance.settings.ip_configuration.psc_config.psc_enabled:
        instance.psc_service_attachment_link = instance.dns_name = ""
        return
    mark = f"{instance.project}/{instance.name}/{instance.create_time}".encode()
    text = hashlib.sha256(mark).hexdigest()
    place = f"projects/{TENANT_PROJECT}/regions/{instance.region}/serviceAttachments"
    instance.psc_service_attachment_link = (
        f"{place}/a-{text[:12]}-psc-service-attachment-{text[12:28]}"
    )
    instance.dns_name = f"{text[:12]}.{text[28:40]}.{instance.region}.sql.goog."
