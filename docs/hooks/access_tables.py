"""Tables of the pages about secrets, pipeline and scaling, made from the environment files."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from page_parts import Texts, listed, table

from leitstand.core.environment import Environment
from leitstand.core.kinds import Resource

__all__ = ["access_tables", "pipeline_roles"]

PURPOSES = {
    "roles/run.admin": "Dienste und Jobs anlegen, ändern und ausführen",
    "roles/artifactregistry.writer": "Abbilder und ihre Signaturen ablegen",
    "roles/secretmanager.secretAccessor": "Werte von Secrets lesen",
    "roles/redis.admin": "Memorystore ändern und exportieren",
    "roles/compute.networkUser": "Subnetze der VPC benutzen",
    "roles/cloudsql.client": "sich mit Cloud SQL verbinden",
}
"""What the pipeline needs its roles for."""

PARTS_OF_ADDRESS = {"secret": "KENNWORT", "auth": "AUTH"}
"""What stands for a secret part of an address; anything else that is filled in is an address."""


def access_tables(environment: Environment, resources: Mapping[str, Resource]) -> Texts:
    """Return the tables by name.

    Args:
        environment: Production.
        resources: What it wants to exist, by key.
    """
    return {
        "variablen": lambda: _variables(environment),
        "secrets": lambda: _secrets(resources),
        "adressen": lambda: _addresses(environment),
        "rollen": lambda: "\n".join(f"- `{role}`" for role in pipeline_roles(resources)),
        "rollen-zweck": lambda: _purposes(resources),
        "foederation": lambda: _federation(environment, resources),
        "verbindungen": lambda: _connections(environment),
    }


def pipeline_roles(resources: Mapping[str, Resource]) -> list[str]:
    """Return the roles that the pipeline's service account has in the project."""
    return [
        binding["role"]
        for binding in resources["project.policy/this"].body["bindings"]
        if any(member.startswith("serviceAccount:pipeline@") for member in binding["members"])
    ]


def _variables(environment: Environment) -> str:
    """Return which variable holds which version of which secret, and where."""
    readers: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    holders = {name: s.template.containers[0].env for name, s in environment.services.items()}
    holders |= {name: job.env for name, job in environment.jobs.items()}
    for holder, variables in holders.items():
        for variable in variables:
            if variable.value_source is not None:
                source = variable.value_source.secret_key_ref
                readers[variable.name, source.secret, source.version].append(holder)
    rows = [
        (f"`{name}`", f"`{secret}`", version, listed(f"`{holder}`" for holder in holders))
        for (name, secret, version), holders in sorted(readers.items())
    ]
    return table(("Variable", "Secret", "Version", "gesetzt in"), rows)


def _secrets(resources: Mapping[str, Resource]) -> str:
    of_kind: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources.values():
        of_kind[resource.kind.name].append(resource)
    readers = {r.id: sorted(set(_members(r))) for r in of_kind["secretmanager.policy"]}
    rows = []
    for secret in of_kind["secretmanager.secrets"]:
        first = resources[f"secretmanager.versions/{secret.id}/1"].initial
        names = [f"`{name}`" for name in readers.get(secret.id, ())]
        value = "von Hand" if "${operator}" in str(first) else "erzeugt"
        rows.append((f"`{secret.id}`", listed(names) if names else "kein Dienst", value))
    return table(("Secret", "Leser", "Wert"), rows)


def _members(policy: Resource) -> Iterator[str]:
    """Yield the service accounts that a policy names, without their domain."""
    for binding in policy.body["bindings"]:
        for member in binding["members"]:
            yield member.partition(":")[2].partition("@")[0]


def _addresses(environment: Environment) -> str:
    """Return the form of every address that is a secret."""
    rows = []
    for version, body in environment.initial["secretmanager.versions"].items():
        value = str(body["payload"]["data"]) if body else ""
        if "://" in value:
            shown = re.sub(r"\$\{(\w+)[^}]*\}", _stand_in, value)
            rows.append((f"`{version.partition('/')[0]}`", f"`{shown}`"))
    return table(("Secret", "Form"), rows)


def _stand_in(reference: re.Match[str]) -> str:
    if reference[0].endswith("#port}"):
        return "PORT"
    return PARTS_OF_ADDRESS.get(reference[1], "ADRESSE")


def _purposes(resources: Mapping[str, Resource]) -> str:
    rows = [(f"`{role}`", PURPOSES.get(role, "–")) for role in pipeline_roles(resources)]
    return table(("Rolle", "wozu"), rows)


def _federation(environment: Environment, resources: Mapping[str, Resource]) -> str:
    provider: Mapping[str, Any] = next(
        r.body for r in resources.values() if r.kind.name == "iam.providers"
    )
    pipeline = environment.pipeline
    rows = [
        ("Aussteller der Tokens", f"`{provider['oidc']['issuerUri']}`"),
        ("Repository", f"`{pipeline.repository_id}`"),
        ("Besitzer", f"`{pipeline.repository_owner_id}`"),
        ("Zweig", f"`{pipeline.ref}`"),
    ]
    return table(("Was", "Wert"), rows)


def _connections(environment: Environment) -> str:
    """Return how many connections the services hold at most."""
    scaling, rows, total = environment.scaling, [], 0
    for name, each in scaling.connections_per_instance.items():
        most = environment.services[name].scaling.max_instance_count
        total += most * each
        rows.append((f"`{name}`", str(most), str(each), str(most * each)))
    rows.append(("alle zusammen", "", "", str(total)))
    return table(("Dienst", "Instanzen höchstens", "je Instanz", "zusammen"), rows)
