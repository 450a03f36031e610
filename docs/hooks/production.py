"""MkDocs hook: fills the pages about the architecture from the environment files.

A comment ``<!-- soll: NAME -->`` becomes the table, the list or the figure of that name. An unknown
name is a warning, which a strict build turns into a failure.
"""

import json
import logging
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from access_tables import access_tables
from figures import figures, on
from page_parts import Texts, fill, listed, table

from leitstand.configuration import load_environment
from leitstand.core.desired import desired
from leitstand.core.deviations import Agreement, Contrast, contrasts
from leitstand.core.environment import Environment
from leitstand.core.hardening.logging import AUDIT_DAYS
from leitstand.core.kinds import Resource
from leitstand.project import project_root

__all__ = ["Production", "on_page_markdown", "on_pre_build"]

log = logging.getLogger("mkdocs.hooks.production")

DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
INGRESS = {
    "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER": "intern und Load Balancer",
    "INGRESS_TRAFFIC_INTERNAL_ONLY": "nur intern",
    "INGRESS_TRAFFIC_ALL": "von überall",
}


class Production:
    """What the environment files say about production, as Markdown.

    Args:
        environment: Production.
        staging: Staging, whose file gives a reason for each of its deviations.
    """

    def __init__(self, environment: Environment, staging: Environment) -> None:
        self._environment = environment
        self._staging = staging
        self._resources: Mapping[str, Resource] = {r.key: r for r in desired(environment, "…")}

    def texts(self) -> Texts:
        """Everything that a page may ask for, by name."""
        environment, resources = self._environment, self._resources
        return {
            **figures(environment, resources),
            **access_tables(environment, resources),
            "abweichungen-staging": self._deviations,
            "eigenes-staging": self._own,
            "netz": self._network,
            "zugang": self._access,
            "dienste": self._services,
            "jobs": self._jobs,
            "daten": self._data,
            "logs": self._logs,
        }

    @cached_property
    def _contrasts(self) -> tuple[Contrast, ...]:
        here, production = (
            environment.model_dump(mode="json", exclude_none=True)
            for environment in (self._staging, self._environment)
        )
        return contrasts(here, production, Agreement(tuple(self._staging.deviations)), ("name",))

    def _body(self, key: str) -> Mapping[str, Any]:
        return self._resources[key].body

    def _all(self, kind: str) -> list[Resource]:
        return [r for r in self._resources.values() if r.kind.name == kind]

    def _deviations(self) -> str:
        lines = []
        for reason in dict.fromkeys(entry.reason for entry in self._staging.deviations):
            lines.append(f"- {reason}")
            lines += [
                f"    - `{entry.path}`: {_instead(entry)}"
                for entry in self._contrasts
                if entry.agreed == reason
            ]
        return "\n".join(lines)

    def _own(self) -> str:
        rows = [
            (f"`{entry.path}`", _shown(entry.production), _shown(entry.here))
            for entry in self._contrasts
            if not entry.agreed
        ]
        return table(("Schlüssel", "Produktion", "Staging"), rows)

    def _network(self) -> str:
        addresses = self._body("compute.globalAddresses/private-services")
        connector = self._body("vpcaccess.connectors/main")
        instances = f"{connector['minInstances']} bis {connector['maxInstances']} Instanzen"
        subnets = self._all("compute.subnetworks")
        rows = [(f"Subnetz `{r.id}`", f"`{r.body['ipCidrRange']}`") for r in subnets]
        rows += [
            ("Privater Dienstzugriff", f"ein Bereich der Größe /{addresses['prefixLength']}"),
            ("Connector", f"{instances}, `{connector['machineType']}`"),
        ]
        return table(("Teil", "Wert"), rows)

    def _access(self) -> str:
        names = self._environment.load_balancer
        domains = self._body("compute.sslCertificates/main")["managed"]["domains"]
        armor = [f"`{r.id}`" for r in self._all("compute.securityPolicies")]
        records = [f"`{r.body['name']}`" for r in self._all("dns.resourceRecordSets")]
        rows = [
            ("Anwendung", f"`{names.domain}`"),
            ("GUI von LiteLLM", f"`{names.gui_domain}`"),
            ("Verwaltetes Zertifikat für", listed(f"`{domain}`" for domain in domains)),
            ("DNS-Einträge", listed(records)),
            ("Cloud Armor", f"Richtlinie {listed(armor)}" if armor else "aus"),
        ]
        return table(("Was", "Wert"), rows)

    def _services(self) -> str:
        rows = []
        for name, service in self._environment.services.items():
            low, high = service.scaling.min_instance_count, service.scaling.max_instance_count
            limits = service.template.containers[0].resources.limits
            at_once = service.template.max_instance_request_concurrency
            rows.append(
                (
                    f"`{name}`",
                    f"genau {low}" if low == high else f"{low} bis {high}",
                    f"{limits.cpu} CPU, {_memory(limits.memory)}, {_requests(at_once)} zugleich",
                    INGRESS[service.ingress],
                )
            )
        return table(("Dienst", "Instanzen", "je Instanz", "Zugang"), rows)

    def _jobs(self) -> str:
        rows = [
            (
                f"`{name}`",
                f"{job.timeout.removesuffix('s')} s",
                str(job.max_retries),
                "nach Freigabe" if job.requires_approval else "jederzeit",
            )
            for name, job in self._environment.jobs.items()
        ]
        return table(("Job", "Frist je Versuch", "Wiederholungen", "Start"), rows)

    def _data(self) -> str:
        settings = self._body("sql.instances/main")["settings"]
        backup, window = settings["backupConfiguration"], settings["maintenanceWindow"]
        redis = self._body("redis.instances/main")
        zones = "zwei Zonen" if settings["availabilityType"] == "REGIONAL" else "eine Zone"
        public = settings["ipConfiguration"]["ipv4Enabled"]
        address = "mit öffentlicher Adresse" if public else "ohne öffentliche Adresse"
        kept = backup["backupRetentionSettings"]["retainedBackups"]
        spare = "mit Ausfallknoten" if redis["tier"] == "STANDARD_HA" else "ohne Ausfallknoten"
        rows = [
            ("Cloud SQL", f"{address}, `{settings['tier']}`, {zones}"),
            ("Datenbanken", listed(f"`{r.id.split('/')[1]}`" for r in self._all("sql.databases"))),
            ("Sicherung", f"täglich um {backup['startTime']} Uhr UTC, {kept} bleiben"),
            ("Zurück auf einen Zeitpunkt", f"{backup['transactionLogRetentionDays']} Tage weit"),
            ("Wartungsfenster", f"{DAYS[window['day'] - 1]}, {window['hour']} Uhr UTC"),
            ("Memorystore", f"{spare}, {redis['memorySizeGb']} GiB"),
            ("AUTH in Memorystore", on(redis["authEnabled"])),
        ]
        return table(("Was", "Wert"), rows)

    def _logs(self) -> str:
        days = self._body("logging.buckets/_Default")["retentionDays"]
        rows = [
            ("Logs", f"{days} Tage"),
            ("Audit-Logs", f"{AUDIT_DAYS} Tage; das legt Google fest, und niemand kann es kürzen"),
        ]
        for sink in self._all("logging.sinks"):
            dataset = sink.body["destination"].rpartition("/")[2]
            rows.append((f"Senke `{sink.id}`", f"nach BigQuery, Dataset `{dataset}`"))
        return table(("Was", "Wie lange, wohin"), rows)


def on_pre_build(**_: Any) -> None:
    """Forget what an earlier build read: the files may have changed."""
    _texts.cache_clear()


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill the places of a page that has any."""
    if "<!-- soll: " not in markdown:
        return markdown
    return fill(markdown, "soll", _texts(project_root()), page.file.src_path, log)


@cache
def _texts(_project: Path) -> Texts:
    """Return the texts of a project; a quarter of a second for its files is too long per page."""
    return Production(load_environment("prod"), load_environment("staging")).texts()


def _instead(entry: Contrast) -> str:
    if entry.here is None:
        return "gibt es dort nicht"
    if entry.production is None:
        return f"{_shown(entry.here)}, nur dort"
    return f"{_shown(entry.here)} statt {_shown(entry.production)}"


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "ja" if value else "nein"
    if isinstance(value, Mapping):
        return "ein Eintrag"
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def _memory(quantity: str) -> str:
    return f"{quantity[:-2]} {quantity[-2:]}B"


def _requests(count: int) -> str:
    return "1 Anfrage" if count == 1 else f"{count} Anfragen"
