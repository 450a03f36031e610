"""The verbs of the release runbook; each does one thing and shows it.

What only `Release.observe` needs is imported there, so that the head of a run is shown before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

from leitstand.cloud.errors import CloudUnreachable
from leitstand.cloud.monitoring import Monitoring
from leitstand.cloud.run import CloudRun
from leitstand.cloud.smoke import Probe, Smoke
from leitstand.core.errors import InputError
from leitstand.core.health import Verdict
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.release import (
    Observation,
    SecretVersion,
    differences,
    plan_release,
)
from leitstand.core.release_checks import Check, check_release
from leitstand.core.service import RevisionState, ServiceState
from leitstand.execution.recovery import executor_for
from leitstand.execution.rollout import Instruments, Rollout, Stage
from leitstand.notebook.plan_views import checks_table, plan_table
from leitstand.notebook.release_views import (
    differences_table,
    observation_table,
    probes_table,
    stage_table,
)
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Tone, show
from leitstand.notebook.wording import CheckFailed, action_text, check_text

__all__ = ["Candidate", "Checked", "Release", "ServiceUnknown", "Tested"]

_POINTS = 40
"""Points on the time axis of the plot, at most."""


class ServiceUnknown(InputError):
    """The environment file has no such service."""

    def __init__(self, service: str, known: list[str]) -> None:
        super().__init__(
            f"Den Dienst „{service}“ kennt die Umgebungsdatei nicht.",
            f"Wählen Sie einen von: {', '.join(known)}.",
        )


@dataclass(frozen=True)
class Checked:
    """An observation whose checks are all green; only from it a plan is made."""

    observation: Observation
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Candidate:
    """A revision that can serve and has no traffic yet."""

    approved: Approved
    uri: str


@dataclass(frozen=True)
class Tested:
    """A candidate whose smoke tests passed; only it gets traffic."""

    candidate: Candidate
    probes: tuple[Probe, ...]


class Release:
    """The release of one image to one service, within a run."""

    def __init__(self, run: Run, *, service: str, image: str) -> None:
        if service not in run.environment.services:
            raise ServiceUnknown(service, sorted(run.environment.services))
        self._run = run
        self._service = service
        self._reference = image
        self._policy = run.environment.release
        self._cloud = CloudRun(run.connection)
        self._stages: list[Stage] = []

    def observe(self) -> Observation:
        """Read service, image, staging and secrets; show them; change nothing."""
        from leitstand.cloud.registry import Registry
        from leitstand.core.desired import desired_template

        run, environment = self._run, self._run.environment
        with run.step("observe", "Beobachten") as progress:
            progress.update("Dienst")
            service = self._cloud.service(environment.service_name(self._service))
            stable = self._stable(service)
            progress.update("Abbild")
            image = Registry(run.connection).image(self._reference)
            progress.update("Staging")
            observation = Observation(
                service=service,
                stable=stable,
                image=image,
                reference_digests=self._reference_digests(),
                secrets=self._secrets(),
                desired=desired_template(environment, self._service),
                schema_version=self._schema_version(service),
            )
        show(observation_table(observation))
        return observation

    def check(self, observation: Observation) -> Checked:
        """Show all checks.

        Raises:
            CheckFailed: one is red; there will be no plan.
        """
        if self._run.earlier_plan(self._run.template.name) is not None:
            show(Notice("Der Lauf wird fortgesetzt; seine Prüfungen waren grün.", Tone.GOOD))
            return Checked(observation, ())
        required = self._run.environment.artifact_registry.require_signature
        checks = check_release(observation, required)
        show(checks_table(checks, check_text))
        failed = [check for check in checks if not check.passed]
        if failed:
            raise CheckFailed(failed[0])
        return Checked(observation, checks)

    def plan(self, checked: Checked) -> Plan:
        """Make the plan, show it with what it changes, and journal it."""
        earlier = self._run.earlier_plan(self._run.template.name)
        if earlier is not None:
            plan = earlier.plan
        else:
            plan = plan_release(
                checked.observation,
                self._policy,
                runbook=self._run.template.name,
                environment=self._run.environment.name,
            )
            self._run.planned(plan)
            show(differences_table(differences(checked.observation)))
        show(plan_table(plan, action_text))
        return plan

    def start_candidate(self, approved: Approved | Withheld) -> Candidate | Withheld:
        """Start the new revision without traffic, under its own address."""
        if is_withheld(approved):
            return withheld(approved)
        with self._run.step(
            "candidate", "Neue Revision starten", self._policy.ready_deadline
        ) as progress:
            uri = self._rollout(approved).start_candidate(progress.update)
        show(Notice(f"{approved.plan.basis['candidate']} ist bereit: {uri}", Tone.GOOD))
        return Candidate(approved, uri)

    def smoke_test(self, candidate: Candidate | Withheld) -> Tested | Withheld:
        """Ask the candidate's pages before anyone else does."""
        if isinstance(candidate, Withheld):
            return withheld(candidate)
        with self._run.step("smoke", "Smoke-Tests") as progress:
            rollout = self._rollout(candidate.approved)
            probes = rollout.smoke_test(candidate.uri, progress.update)
        show(probes_table(probes))
        return Tested(candidate, probes)

    def shift_traffic(self, tested: Tested | Withheld) -> None:
        """Raise the traffic stage by stage; after each, a verdict promotes it or takes it back.

        The course of traffic and errors is shown in any case.
        """
        if isinstance(tested, Withheld):
            withheld(tested)
            return
        rollout = self._rollout(tested.candidate.approved)
        deadline = self._policy.analysis.deadline * len(self._policy.stages)
        try:
            with (
                self._rehearsal_load(),
                self._run.step("traffic", "Verkehr verlagern", deadline) as progress,
            ):
                rollout.shift_traffic(progress.update, self._show_stage)
        finally:
            self._show_course()

    def verify(self, approved: Approved | Withheld) -> None:
        """Remove the tags, read the service again, and show where its traffic goes."""
        if is_withheld(approved):
            withheld(approved)
            return
        with self._run.step("verify", "Aufräumen und nachprüfen") as progress:
            self._rollout(approved).remove_tags(progress.update)
            service = self._cloud.service(approved.plan.target)
        self._run.journal.append("verdict", stage="release", verdict=Verdict.HEALTHY)
        shares = ", ".join(f"{s.percent} % {s.revision}" for s in service.statuses)
        show(Notice(f"Ausgerollt: {shares}.", Tone.GOOD))

    def _show_course(self) -> None:
        """Show traffic split and error rate over time, as Cloud Monitoring saw them."""
        if not self._stages:
            return
        from leitstand.notebook.plots import rollout_picture

        start, end = self._stages[0].started, self._stages[-1].ended
        step = max(timedelta(seconds=1), (end - start) / _POINTS)
        try:
            readings = Monitoring(self._run.connection).series(self._service, start, end, step)
        except CloudUnreachable:
            show(Notice("Kein Verlauf: Cloud Monitoring antwortet nicht.", Tone.WAIT))
            return
        show(rollout_picture(readings, self._stages))

    def _show_stage(self, stage: Stage) -> None:
        self._stages.append(stage)
        show(stage_table(stage))

    def _rollout(self, approved: Approved) -> Rollout:
        connection = self._run.connection
        instruments = Instruments(self._cloud, Monitoring(connection), Smoke(connection))
        executor = executor_for(approved, self._run.journal, connection)
        return Rollout(approved, self._policy, executor, self._run.journal, instruments)

    def _stable(self, service: ServiceState) -> RevisionState | None:
        serving = service.traffic.pinned(service.latest_ready_revision).serving()
        if len(serving) != 1:
            return None
        return self._cloud.revision(service.name, next(iter(serving)))

    def _reference_digests(self) -> tuple[str, ...] | None:
        reference = self._policy.reference
        if reference is None:
            return None
        service = (
            f"projects/{reference.project}/locations/{reference.region}/services/{self._service}"
        )
        revisions = self._cloud.list_revisions(service)
        return tuple(revision.digest for revision in revisions if revision.ready)

    def _schema_version(self, service: ServiceState) -> int | None:
        """Return the schema version of the service's database; ``None`` if it reads none."""
        from leitstand.core.cut_over import reads_secret
        from leitstand.execution.database_access import DatabaseAccess
        from leitstand.notebook.live_schema import live_version

        database = self._run.environment.database
        if database is None or not reads_secret(service.template, database.url_secret):
            return None
        return live_version(DatabaseAccess(self._run.connection), service)

    def _secrets(self) -> tuple[SecretVersion, ...]:
        from leitstand.cloud.secrets import Secrets

        secrets = Secrets(self._run.connection)
        container = self._run.environment.services[self._service].template.containers[0]
        return tuple(
            SecretVersion(
                variable.name,
                key.secret,
                key.version,
                secrets.version_state(key.secret, key.version),
            )
            for variable in container.env
            if variable.value_source and (key := variable.value_source.secret_key_ref)
        )

    @contextmanager
    def _rehearsal_load(self) -> Iterator[None]:
        """In the sandbox, send requests through the front door while the block runs."""
        sandbox = self._run.environment.sandbox
        if sandbox is None or not sandbox.load_requests_per_second:
            yield
            return
        from leitstand.notebook.sandboxes import attach_sandbox
        from leitstand.sandbox.load import Load

        domain = self._run.environment.load_balancer.domain
        load = Load(attach_sandbox().public, sandbox.load_requests_per_second, 8, domain)
        load.start()
        try:
            yield
        finally:
            report = load.stop()
            self._run.journal.append("load", report=asdict(report))
