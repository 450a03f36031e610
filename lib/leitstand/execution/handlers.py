"""All handlers together: what every executor of an environment acts with."""

from leitstand.audit.journal import Journal
from leitstand.cloud.connection import Connection
from leitstand.cloud.run import CloudRun
from leitstand.execution.database_access import DatabaseAccess
from leitstand.execution.executor import Handler
from leitstand.execution.job_handlers import job_handlers
from leitstand.execution.log_handlers import log_handlers
from leitstand.execution.login_handlers import login_handlers
from leitstand.execution.queue_handlers import queue_handlers
from leitstand.execution.run_handlers import run_handlers
from leitstand.execution.schedule_handlers import schedule_handlers
from leitstand.execution.secret_handlers import secret_handlers
from leitstand.execution.secret_values import Values
from leitstand.execution.session_handlers import session_handlers
from leitstand.execution.snapshot_handlers import snapshot_handlers
from leitstand.execution.sql_handlers import sql_handlers
from leitstand.execution.tenant_handlers import tenant_handlers
from leitstand.execution.vector_handlers import vector_handlers

__all__ = ["all_handlers"]


def all_handlers(connection: Connection, journal: Journal) -> dict[str, Handler]:
    """Return the handlers by kind of action that change the connection's environment.

    Args:
        connection: The clients of the environment.
        journal: Of the run.
    """
    environment = connection.environment
    handlers = run_handlers(
        CloudRun(connection),
        deadline=environment.release.ready_deadline,
        interval=connection.poll_interval,
    )
    handlers |= secret_handlers(connection)
    handlers |= snapshot_handlers(connection)
    handlers |= log_handlers(connection, journal.path.parent.name)
    handlers |= queue_handlers(connection)
    handlers |= schedule_handlers(connection)
    if environment.database is not None:
        deadline = environment.database.operation_deadline
        handlers |= sql_handlers(connection, deadline=deadline)
        handlers |= login_handlers(connection, Values(connection), deadline=deadline)
        handlers |= job_handlers(connection, journal)
        access = DatabaseAccess(connection)
        handlers |= vector_handlers(
            lambda: access.administrator_url(access.instance),
            lambda: access.current_url,
            journal.path.parent.name,
            environment.tenancy,
        )
        handlers |= tenant_handlers(access)
        handlers |= session_handlers(access)
    return handlers
