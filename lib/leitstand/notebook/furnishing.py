"""Makes an empty sandbox ready for runbooks: provisions it, and fills its database.

It takes the way that a production takes: the same plan, the same handlers, the migrate job, and the
hardening of row-level security.
Only the approval is its own, since a sandbox belongs to whoever starts it.
"""

import fcntl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from leitstand.core.errors import RunFailed

if TYPE_CHECKING:
    from leitstand.audit.journal import Journal
    from leitstand.cloud.connection import Connection
    from leitstand.core.environment import Environment
    from leitstand.core.plan import Approved, Plan
    from leitstand.execution.provisioning import Provisioner
    from leitstand.sandbox.control import Sandbox

__all__ = ["NotFurnished", "furnish", "is_furnished", "keep_empty"]

_MARK = "furnished"
Watch = Callable[[str], None]


class NotFurnished(RunFailed):
    """The sandbox could not be made ready."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Die Sandbox ließ sich nicht einrichten: {reason}",
            "Beginnen Sie mit leitstand sandbox reset neu.",
        )
        self.reason = reason


def is_furnished(directory: Path) -> bool:
    """Return whether the sandbox of a directory needs nothing more; read-only."""
    return (directory / _MARK).exists()


def keep_empty(directory: Path) -> None:
    """Have the sandbox of a directory left as empty as it is."""
    (directory / _MARK).touch()


def furnish(environment: "Environment", sandbox: "Sandbox", watch: Watch = lambda _: None) -> None:
    """Provision a sandbox and fill its database, unless that was done before.

    Of several processes one does it, and the others wait.

    Raises:
        NotFurnished: something could not be made.
    """
    with open(sandbox.directory / "furnish.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_furnished(sandbox.directory):
            return
        from leitstand.audit.journal import Journal
        from leitstand.cloud.connection import Connection
        from leitstand.execution.provisioning import Provisioner

        connection = Connection(environment, sandbox.grpc, sandbox.rest)
        journal = Journal(sandbox.directory / "furnish.jsonl")
        _provision(Provisioner(connection), journal, watch)
        if environment.database is not None:
            _fill(connection, watch)
            _harden(connection, journal, watch)
        (sandbox.directory / _MARK).touch()


def _provision(provisioner: "Provisioner", journal: "Journal", watch: Watch) -> None:
    from leitstand.core.kinds import Step
    from leitstand.execution.parallel import Status

    seen = provisioner.observe()
    made = provisioner.plan(seen)
    if made.withheld:
        raise NotFurnished(f"{made.withheld[0].key}: {made.withheld[0].blocked}")
    approved = _approved(made.plan, journal)

    def progress(id: str, status: Status, _: str) -> None:
        if status is Status.STARTED:
            watch(id)

    outcome = provisioner.schedule(approved, seen, journal, progress).run(max(Step))
    for key, error in outcome.failed.items():
        raise NotFurnished(f"{key}: {error.message}")


def _fill(connection: "Connection", watch: Watch) -> None:
    """Apply the migrations of the first image, and load sample rows."""
    from leitstand.notebook.sandbox_jobs import run_migrate_job

    sandbox = connection.environment.sandbox
    assert sandbox is not None
    documents = str(sandbox.sample_documents)
    for args in (["migrate"], ["load_sample", "--tenants", "2", "--documents", documents]):
        watch(f"migrate {args[0]}")
        if problem := run_migrate_job(connection, args):
            raise NotFurnished(problem)


def _harden(connection: "Connection", journal: "Journal", watch: Watch) -> None:
    """Force the row-level security that the migrations only enable, as the runbook does it."""
    from leitstand.core.tenancy.onboarding import plan_hardening
    from leitstand.database.connection import connect
    from leitstand.database.isolation import read_isolation
    from leitstand.execution.database_access import DatabaseAccess
    from leitstand.execution.recovery import executor_for

    environment, access = connection.environment, DatabaseAccess(connection)
    if environment.tenancy.model != "row_level_security":
        return
    watch("tenant_isolation")
    with connect(access.administrator_url(access.instance), autocommit=True) as database:
        facts = read_isolation(database, environment.tenancy, tuple(access.settings.roles))
    plan = plan_hardening(
        facts, environment.tenancy, environment=environment.name, target=access.database
    )
    executor_for(_approved(plan, journal), journal, connection).apply_all()


def _approved(plan: "Plan", journal: "Journal") -> "Approved":
    """Return a plan with the approval of a sandbox, which belongs to whoever starts it."""
    from leitstand.core.plan import Approval, Approved

    expires = datetime.now(UTC) + timedelta(hours=1)
    journal.append("plan.made", plan=plan.as_data(), digest=plan.digest)
    journal.append("approval.given", digest=plan.digest, by="sandbox", expires_at=expires)
    return Approved(plan, Approval(plan.digest, "sandbox", expires))
