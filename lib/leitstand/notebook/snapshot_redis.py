"""The verbs of the snapshot runbook: look, check, plan, export, prove that it can be loaded."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from leitstand.cloud.errors import NotFound
from leitstand.cloud.redis import Memorystore
from leitstand.cloud.secrets import Secrets
from leitstand.cloud.storage import CloudStorage, ObjectState
from leitstand.core.errors import LeitstandError
from leitstand.core.plan import Approved, Plan, Withheld, is_withheld
from leitstand.core.release_checks import Check
from leitstand.core.snapshot import (
    bucket_of,
    check_loaded,
    check_situation,
    overdue,
    plan_snapshot,
    prefix_of,
)
from leitstand.core.snapshot_types import Bucket, Content, Keys, Sampled, Situation, Snapshot
from leitstand.database.redis_content import (
    SampleKey,
    compare_sample,
    read_content,
    sample_keys,
)
from leitstand.execution.queue_access import NoQueue, QueueAccess
from leitstand.execution.recovery import executor_for
from leitstand.execution.redis_loading import Unloadable, loaded
from leitstand.notebook.progress import Progress
from leitstand.notebook.run import Run, withheld
from leitstand.notebook.snapshot_redis_views import (
    checks_table,
    plan_table,
    situation_table,
    snapshots_table,
)
from leitstand.notebook.snapshot_redis_wording import (
    ContentLost,
    SnapshotOverdue,
    SnapshotRefused,
    action_title,
)
from leitstand.notebook.views import Notice, Tone, show

__all__ = ["Checked", "SnapshotRedis"]


@dataclass(frozen=True)
class Checked:
    """A situation in which Redis may be exported; only from it a plan is made."""

    situation: Situation


class SnapshotRedis:
    """The export of Memorystore within a run.

    The run's parameters say more: ``bucket``, empty for the environment file's; ``prove``, whether
    the export is loaded into a redis-server of this machine.
    """

    def __init__(self, run: Run) -> None:
        environment = run.environment
        self._run = run
        self._settings = environment.memorystore
        place = f"projects/{environment.project}/locations/{environment.region}"
        self._instance = f"{place}/instances/{self._settings.instance}"
        given = str(run.parameters["bucket"])
        self._bucket = given or bucket_of(self._settings, environment.project)
        self._redis = Memorystore(run.connection)
        self._storage = CloudStorage(run.connection)
        self._secrets = Secrets(run.connection)
        self._sample: tuple[SampleKey, ...] = ()
        self._situation: Situation | None = None

    def observe(self) -> Situation:
        """Read the instance, the bucket, the earlier snapshots and Redis itself; change nothing."""
        with self._run.step("observe", "Beobachten"):
            situation = self._read()
        self._situation = situation
        show(
            situation_table(situation, self._settings),
            snapshots_table(situation, self._settings),
        )
        return situation

    def check(self, situation: Situation) -> Checked:
        """Show all conditions of an export.

        Raises:
            SnapshotRefused: one does not hold; there will be no plan.
        """
        if self._run.earlier_plan("snapshot_redis") is not None:
            show(Notice("Der Lauf wird fortgesetzt; seine Prüfungen waren grün.", Tone.GOOD))
            return Checked(situation)
        checks = check_situation(situation, self._settings)
        show(checks_table(checks))
        for check in checks:
            if not check.passed:
                raise SnapshotRefused(check)
        return Checked(situation)

    def plan(self, checked: Checked) -> Plan:
        """Plan the export, and the grant where it is missing; a resumed run keeps its plan."""
        earlier = self._run.earlier_plan("snapshot_redis")
        if earlier is not None:
            show(plan_table(earlier.plan))
            return earlier.plan
        plan = plan_snapshot(
            checked.situation,
            self._settings,
            environment=self._run.environment.name,
            run=self._run.id,
        )
        self._run.planned(plan)
        show(plan_table(plan))
        return plan

    def export(self, approved: Approved | Withheld) -> None:
        """Let the instance write to the bucket where it may not yet, and export it."""
        if is_withheld(approved):
            withheld(approved)
            return
        executor = executor_for(approved, self._run.journal, self._run.connection)
        deadline = self._settings.export_deadline
        for action in approved.plan.actions:
            with self._run.step(action.id, action_title(action), deadline) as progress:
                executor.apply(action.id, progress.update)

    def verify(self, approved: Approved | Withheld) -> None:
        """Look at the object, load it into a redis-server, and compare it with its source.

        Raises:
            Unloadable: it is damaged; the run can be taken back, which deletes it.
            NoServer: no redis-server here reads its format.
            ContentLost: keys are missing in it; the run can be taken back, which deletes it.
            SnapshotOverdue: the run only looked, and the newest snapshot is too old, or there is
                none.
        """
        if is_withheld(approved):
            self._look_at_age(approved)
            return
        with self._run.step(
            "verify", "Snapshot prüfen", self._settings.export_deadline
        ) as progress:
            checks = self._proven(approved.plan, progress)
        show(checks_table(checks, "Nachprüfung"))
        failed = [check for check in checks if not check.passed]
        verdict = "unhealthy" if failed else "healthy"
        self._run.journal.append("verdict", stage="snapshot", verdict=verdict)
        if failed:
            raise ContentLost(failed)
        if len(checks) > 2:
            show(Notice("Der Snapshot ist vollständig und lässt sich laden.", Tone.GOOD))

    def _look_at_age(self, approved: Withheld) -> None:
        withheld(approved)
        situation = self._situation
        if situation is not None and overdue(situation, self._settings):
            raise SnapshotOverdue(situation.age, self._settings.snapshot_export)

    def _read(self) -> Situation:
        instance = self._redis.instance(self._instance)
        found = self._storage.bucket(self._bucket)
        snapshots: tuple[ObjectState, ...] = ()
        bucket = Bucket(self._bucket, exists=False)
        if found is not None:
            snapshots = self._storage.objects(self._bucket, prefix_of(self._instance))
            bucket = Bucket(
                found.name,
                exists=True,
                closed=found.closed,
                retention_seconds=found.retention_seconds,
                delete_after_days=found.delete_after_days,
                roles=self._storage.policy(found.name).roles(instance.identity),
            )
        source, unread = self._source()
        return Situation(
            instance=instance.name,
            state=instance.state,
            version=instance.version,
            identity=instance.identity,
            under_way=tuple(one.verb for one in self._redis.under_way(instance.name)),
            bucket=bucket,
            source=source,
            unread=unread,
            snapshots=tuple(Snapshot(one.name, one.size, one.created_at) for one in snapshots),
            at=datetime.now(UTC),
            created_at=instance.created_at,
        )

    def _source(self) -> tuple[Content | None, str]:
        """Return what Redis says, or why it could not be read: from outside the VPC, it cannot."""
        try:
            url = self._url()
            content = read_content(url)
            if not self._sample:
                count = self._settings.sample_keys
                self._sample = sample_keys(url, sorted(content.databases), count)
        except LeitstandError as error:
            return None, error.message
        return content, ""

    def _url(self) -> str:
        """Return the address in use; without a worker, the newest one."""
        try:
            return QueueAccess(self._run.connection).url
        except (NoQueue, NotFound):
            pass
        secret = f"projects/{self._run.environment.project}/secrets/{self._settings.url_secret}"
        return self._secrets.value(secret, str(self._secrets.newest_enabled(secret)))

    def _proven(self, plan: Plan, progress: Progress) -> Sequence[Check]:
        name = str(plan.basis["object"])
        found = self._storage.object(plan.action("export").arguments["bucket"], name)
        if found is None or not found.size:
            raise Unloadable("Das Objekt fehlt oder ist leer.")
        figures = {"object": found.name, "size": found.size, "crc32c": found.crc32c}
        checks = [Check("object_exists", True, figures)]
        began = time.monotonic()
        after, unread = self._source()
        if not self._run.parameters["prove"]:
            show(Notice("Nicht geladen: prove steht auf False.", Tone.WAIT))
            self._run.journal.append("snapshot.made", **figures)
            return checks
        with tempfile.TemporaryDirectory(prefix="leitstand-snapshot-") as directory:
            file = Path(directory) / "dump.rdb"
            progress.update("Snapshot herunterladen")
            self._download(found, file)
            checks.append(Check("checksum_matches", True, figures))
            keys, sampled = self._loaded(file, progress)
        before = plan.basis["before"]
        source = Content.from_data(before) if before is not None else None
        if unread:
            show(Notice(f"Die Quelle ließ sich nicht vergleichen: {unread}", Tone.WAIT))
        checks += check_loaded(keys, source, after, sampled, self._settings.tolerance)
        self._run.journal.append(
            "snapshot.proven",
            **figures,
            keys={str(number): [one.lasting, one.expiring] for number, one in keys.items()},
            source=after.as_data()["databases"] if after is not None else None,
            sample=[sampled.compared, sampled.missing, sampled.different] if sampled else None,
            seconds=round(time.monotonic() - began, 3),
        )
        return checks

    def _download(self, found: ObjectState, file: Path) -> None:
        from leitstand.cloud.checksums import crc32c_of

        with open(file, "wb") as target:
            self._storage.download(found, target)
        if crc32c_of(file) != found.crc32c:
            raise Unloadable("Die Prüfsumme der heruntergeladenen Datei stimmt nicht.")

    def _loaded(self, file: Path, progress: Progress) -> tuple[dict[int, Keys], Sampled | None]:
        with loaded(file, deadline=self._settings.export_deadline, watch=progress.update) as url:
            content = read_content(url)
            sampled = compare_sample(url, self._sample) if self._sample else None
        return dict(content.databases), sampled
