"""The verbs of the rotation runbook: look, check, plan, adopt, verify."""

from datetime import UTC, datetime

from leitstand.cloud.secrets import Secrets
from leitstand.core.errors import LeitstandError, RunFailed
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.rotation.checks import check_rotation
from leitstand.core.rotation.due import Due, due_secrets
from leitstand.core.rotation.planning import RUNBOOK, plan_rotation
from leitstand.core.rotation.recipes import pinned_in_file
from leitstand.core.rotation.situation import Situation
from leitstand.core.rotation.types import ServiceReader
from leitstand.execution.history import History
from leitstand.execution.recovery import executor_for, give_back
from leitstand.execution.secret_values import try_value
from leitstand.notebook.plan_views import checks_table, plan_table
from leitstand.notebook.rotate_secret_observer import Observer
from leitstand.notebook.rotate_secret_views import (
    due_table,
    needs_table,
    readers_table,
    versions_table,
)
from leitstand.notebook.rotate_secret_wording import (
    ChangedSincePlan,
    NotAdopted,
    RotationDue,
    RotationRefused,
    action_text,
    action_title,
    check_text,
)
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.views import Notice, Row, Table, Tone, show

__all__ = ["RotateSecret"]

_WITHOUT_CHECKS = {
    "disable": "Die letzte Rotation ist noch nicht abgeschlossen; es folgt ihr Ende.",
    "enable": "Die Version in Gebrauch ist deaktiviert; der Plan aktiviert sie wieder."
    " Ein Release, das daran scheiterte, starten Sie danach noch einmal.",
}
"""What changes no reader needs no reader to be at rest."""


class RotateSecret:
    """The rotation of one secret within a run; without one, a look at which are due.

    Args:
        run: The run.
        secret: Short name; empty to look only.
        source: ``generated``, or ``pending``: a person has added the new version.
        keep_hours: How long any revision may be rolled back to after the next one came.
        disable_old: Whether versions that nobody needs are disabled.

    Raises:
        UnknownSecret: the environment file has no such secret.
    """

    def __init__(
        self, run: Run, *, secret: str, source: str, keep_hours: int, disable_old: bool
    ) -> None:
        self._run = run
        self._secret = secret
        self._source = source
        self._keep_hours = keep_hours
        self._disable_old = disable_old
        self._observer = Observer(run.connection)
        self._secrets = Secrets(run.connection)
        self._due: tuple[Due, ...] = ()
        if secret:
            self._observer.recipe(secret)

    def observe(self) -> Situation | None:
        """Read versions, states, times, and who reads what; change nothing.

        Without a secret, and in a run that is resumed with its plan, there is no situation.
        """
        if self._run.earlier_plan(RUNBOOK) is not None:
            show(Notice("Der Lauf wird fortgesetzt; sein Plan ist freigegeben.", Tone.GOOD))
            return None
        with self._run.step("observe", "Beobachten"):
            if not self._secret:
                self._due = due_secrets(self._observer.all_secrets(), datetime.now(UTC))
                show(due_table(self._due))
                return None
            situation = self._observer.situation(self._secret, self._source, self._keep_hours)
        show(versions_table(situation), readers_table(situation))
        return situation

    def check(self, situation: Situation | None) -> Situation | None:
        """Show all preconditions.

        Raises:
            RotationRefused: one is red; there will be no plan.
        """
        if situation is None:
            return None
        if notice := _WITHOUT_CHECKS.get(self._planned(situation).basis["way"]):
            show(Notice(notice, Tone.WAIT))
            return situation
        checks = check_rotation(situation)
        show(checks_table(checks, check_text, title="Prüfungen"))
        for check in checks:
            if not check.passed:
                raise RotationRefused(check)
        return situation

    def plan(self, situation: Situation | None) -> Plan:
        """Plan a new version and its adoption, or the end of the last rotation; show it."""
        earlier = self._run.earlier_plan(RUNBOOK)
        if earlier is not None:
            plan = earlier.plan
        else:
            plan = self._nothing() if situation is None else self._planned(situation)
            self._run.planned(plan)
        show(plan_table(plan, action_text))
        if self._secret:
            show(needs_table(plan))
        return plan

    def rotate(self, approved: Approved | Withheld) -> None:
        """Apply the plan, action by action.

        Raises:
            ChangedSincePlan: a service was changed since; nothing was done.
            RolledBack: something failed; all services read the old version again.
            RunFailed: something failed after the old password was gone; the run can be resumed.
        """
        if is_withheld(approved):
            withheld(approved)
            return
        run, plan = self._run, approved.plan
        if not History.read(run.journal).started:
            self._check_unchanged(plan)
        executor = executor_for(approved, run.journal, run.connection)
        try:
            for action in plan.actions:
                with run.step(action.id, action_title(action)) as progress:
                    executor.apply(action.id, progress.update)
        except (LeitstandError, KeyboardInterrupt) as error:
            raise give_back(run.id, approved, run.journal, run.connection, error) from error

    def verify(self, approved: Approved | Withheld) -> None:
        """Prove that everything works with the new version, and say what is left to do.

        Raises:
            NotAdopted: a service or a job does not read it, a page fails, or a login is refused.
            RotationDue: the run was to look only, and secrets are due.
        """
        due = [one.secret for one in self._due if one.due]
        if due:
            raise RotationDue(due)
        if is_withheld(approved):
            withheld(approved)
            return
        versions: dict[str, int] = approved.plan.basis.get("versions", {})
        if not versions:
            show(Notice("Die Nummern der Versionen in Gebrauch sind wie vorher.", Tone.GOOD))
            return
        with self._run.step("verify", "Nachprüfen") as progress:
            rows = [
                self._service(s, approved.plan)
                for s in self._observer.readers.services(list(versions))
            ]
            rows += self._jobs(versions)
            progress.update("Anmeldungen")
            rows += self._logins(versions, approved.plan)
        show(Table("Nachprüfung", ("Was", "Beleg"), rows))
        self._run.journal.append("verdict", stage="rotation", verdict="healthy")
        self._say_what_is_left(versions)

    def _planned(self, situation: Situation) -> Plan:
        environment = self._run.environment
        return plan_rotation(
            situation,
            environment=environment.name,
            project=environment.project,
            tag=environment.release.candidate_tag,
            disable_old=self._disable_old,
        )

    def _nothing(self) -> Plan:
        target = f"projects/{self._run.environment.project}/secrets"
        return Plan(RUNBOOK, self._run.environment.name, target, {"way": "look"}, ())

    def _check_unchanged(self, plan: Plan) -> None:
        for name, generation in plan.basis.get("generations", {}).items():
            if self._observer.readers.service(name).state.generation != generation:
                raise ChangedSincePlan(name.rsplit("/", 1)[-1])

    def _service(self, service: ServiceReader, plan: Plan) -> Row:
        """Look at one service; its old revisions may read what they did."""
        name, serving = service.state.short_name, service.serving
        versions: dict[str, int] = plan.basis["versions"]
        wanted = {s: frozenset({str(v)}) for s, v in versions.items() if s in serving.pins}
        if any(serving.pins[secret] != version for secret, version in wanted.items()):
            raise NotAdopted(f"{serving.name} hat den Verkehr und liest nicht die neue Version.")
        if not service.state.settled:
            raise NotAdopted(f"Der Dienst {name} ist nicht in Ruhe: {service.state.problem}")
        pages = {a.target: a.arguments["paths"] for a in plan.actions if a.kind == "secret_probe"}
        missing = set(pages.get(service.state.name, ())) - set(self._observer.answering(service))
        if missing:
            raise NotAdopted(f"{name} antwortet nicht mehr auf {', '.join(sorted(missing))}.")
        return Row((name, f"{serving.name} hat den Verkehr und liest die neue Version"), Tone.GOOD)

    def _jobs(self, versions: dict[str, int]) -> list[Row]:
        rows = []
        for job in self._observer.readers.jobs(list(versions)):
            name = job.state.short_name
            for secret in set(versions) & set(job.pins):
                if job.pins[secret] != {str(versions[secret])}:
                    raise NotAdopted(f"Der Job {name} liest noch eine alte Version von {secret}.")
            rows.append(Row((f"Job {name}", "liest die neue Version"), Tone.GOOD))
        return rows

    def _logins(self, versions: dict[str, int], plan: Plan) -> list[Row]:
        roles = {a.target: a.arguments["role"] for a in plan.actions if a.kind == "secret_try"}
        rows = []
        for secret, version in versions.items():
            full = self._observer.full_name(secret)
            value = self._secrets.value(full, str(version))
            evidence = "Prüfsumme stimmt"
            if full in roles:
                try:
                    tried = try_value(value, roles[full])
                except RunFailed as error:
                    raise NotAdopted(error.message) from error
                evidence += {"database": ", Anmeldung an der Datenbank gelingt",
                             "redis": ", Anmeldung an Redis gelingt"}.get(tried, "")  # fmt: skip
            rows.append(Row((f"{secret}/{version}", evidence), Tone.GOOD))
        return rows

    def _say_what_is_left(self, versions: dict[str, int]) -> None:
        places = [
            f'{place}: {secret} auf "{version}"'
            for secret, version in versions.items()
            for place, pinned in pinned_in_file(self._run.environment, secret).items()
            if pinned != {str(version)}
        ]
        if places:
            text = (
                "Ändern Sie die Umgebungsdatei, sonst nimmt das nächste Release die alte Version:"
            )
            show(Notice("\n".join([text, *places]), Tone.WAIT))
