"""The verbs of the deviations runbook: look, compare, judge, report. Nothing is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from leitstand import __version__
from leitstand.configuration import load_environment, read_layers
from leitstand.core.deviations import (
    Agreement,
    Contrast,
    Departure,
    changed_paths,
    classify,
    contrasts,
)
from leitstand.core.errors import Finding as Found
from leitstand.core.hardening import LISTINGS, RULES, Estate, Finding, examine, policy_of
from leitstand.core.hardening.containers import workloads
from leitstand.core.names import short_name
from leitstand.core.report import Report
from leitstand.core.sarif import as_json, as_sarif
from leitstand.execution.provisioning import Observed, Provisioner
from leitstand.notebook.deviation_views import (
    contrasts_table,
    departures_view,
    findings_table,
    report_notice,
)
from leitstand.notebook.provision_views import observation_table
from leitstand.notebook.run import Run
from leitstand.notebook.views import show

__all__ = ["Deviations", "DeviationsFound", "Inspected"]

PERSONAL = (
    "name", "project", "region", "requires_ticket", "requires_second_person", "approvals",
    "load_balancer", "pipeline", "artifact_registry", "records", "locks", "release.reference",
    "sandbox", "deviations",
)  # fmt: skip
"""What differs in any two environments, since it names or guards them."""

_NAMED = 5
"""So many places an error names."""
_WEIGHTS = {"error": ("error",), "warning": ("error", "warning"), "never": ()}


class DeviationsFound(Found):
    """Something deviates that nobody has agreed to.

    Attributes:
        places: What deviates, as rules or paths, each with the resource.
    """

    def __init__(self, places: Sequence[str]) -> None:
        count = len(places)
        what = "Eine Stelle weicht ab" if count == 1 else f"{count} Stellen weichen ab"
        more = f" und {count - _NAMED} weitere" if count > _NAMED else ""
        super().__init__(
            f"{what}, ohne dass es vereinbart ist: {', '.join(places[:_NAMED])}{more}.",
            "Beheben Sie es mit dem Runbook provision, oder vereinbaren Sie es unter deviations in"
            " der Datei der Umgebung.",
        )
        self.places = tuple(places)


@dataclass(frozen=True)
class Inspected:
    """What was seen: what is wanted and found, and everything else that exists.

    Attributes:
        observed: What is wanted, and what of it was found.
        estate: The evidence for the hardening rules.
    """

    observed: Observed
    estate: Estate


class Deviations:
    """The comparison of an environment with what was agreed, within a run."""

    def __init__(
        self, run: Run, *, fail_on: Literal["error", "warning", "never"] = "error"
    ) -> None:
        self._run = run
        self._fail_on = fail_on
        name = run.environment.name
        _, overlay = read_layers(name)
        self._agreement = Agreement(tuple(run.environment.deviations), changed_paths(overlay))

    def observe(self) -> Inspected:
        """Read everything that is wanted, and list what exists beyond; change nothing."""
        with self._run.step("observe", "Beobachten") as progress:
            observed = Provisioner(self._run.connection).observe()
            progress.update("Was ist darüber hinaus da?")
            estate = self._estate(observed)
        self._run.journal.append(
            "observation", calls=self._run.connection.rest.calls, seconds=observed.seconds
        )
        show(observation_table(observed))
        return Inspected(observed, estate)

    def from_desired(self, seen: Inspected) -> tuple[Departure, ...]:
        """Show where the world is not as the environment file says."""
        found = classify(seen.observed.deviations, self._agreement)
        show(departures_view(found))
        return found

    def between_environments(self) -> tuple[Contrast, ...]:
        """Show where the files of staging and production differ.

        In the sandbox it is the sandbox's own file that is compared with production's.
        """
        name = self._run.environment.name
        here, production = ("staging" if name == "prod" else name), "prod"
        _, overlay = read_layers(here)
        agreed = load_environment(here).deviations
        data = [
            load_environment(one).model_dump(mode="json", exclude_none=True)
            for one in (here, production)
        ]
        agreement = Agreement(tuple(agreed), changed_paths(overlay))
        found = contrasts(data[0], data[1], agreement, PERSONAL)
        show(contrasts_table(here, production, found))
        return found

    def harden(self, seen: Inspected) -> tuple[Finding, ...]:
        """Show every hardening rule with what breaks it."""
        found = examine(seen.estate, self._agreement)
        show(findings_table(RULES, found))
        return found

    def report(
        self,
        departures: Sequence[Departure],
        between: Sequence[Contrast],
        findings: Sequence[Finding],
    ) -> None:
        """Write the report as SARIF and as JSON beside the notebook, and show what it comes to.

        Raises:
            DeviationsFound: something weighs as much as ``fail_on`` says, and was not agreed.
        """
        environment = self._run.environment
        report = Report(
            environment.name, environment.project, tuple(departures), tuple(findings),
            tuple(between),
        )  # fmt: skip
        directory = self._run.directory
        directory.write_data("deviations.sarif", as_sarif(report, RULES, version=__version__))
        directory.write_data("deviations.json", as_json(report))
        self._run.journal.append(
            "verdict", stage="deviations", verdict=str(report.verdict), counts=dict(report.counts)
        )
        show(report_notice(report))
        weighing = report.open(_WEIGHTS[self._fail_on])
        if weighing:
            raise DeviationsFound(weighing)

    def _estate(self, observed: Observed) -> Estate:
        from leitstand.cloud.listing import list_everything

        environment, connection = self._run.environment, self._run.connection
        names = {resource.key: resource.name for resource in observed.resources}
        accounts = [
            short_name(name)
            for key, name in names.items()
            if key.startswith("iam.serviceAccounts/")
        ]
        estate = Estate(
            project=environment.project,
            number=observed.number,
            region=environment.region,
            policy=policy_of(environment),
            found=observed.found,
            listed=list_everything(connection, LISTINGS, number=observed.number, accounts=accounts),
            names=names,
        )
        return replace(estate, images=_signatures(self._run, estate))


def _signatures(run: Run, estate: Estate) -> Mapping[str, bool]:
    """Return for each image that a service or a job names whether it is signed."""
    from leitstand.cloud.registry import Registry

    repository = run.environment.artifact_registry.repository
    images = {
        str(container.get("image", ""))
        for workload in workloads(estate)
        for _, container in workload.containers
    }
    registry = Registry(run.connection)
    return {
        image: registry.is_signed(image)
        for image in sorted(images)
        if image.startswith(f"{repository}/") and "@" in image
    }
