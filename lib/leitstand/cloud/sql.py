"""Cloud SQL instances, their backups and their recovery window."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leitstand.cloud.connection import Connection
from leitstand.cloud.errors import translated
from leitstand.cloud.messages import as_data, enum_name
from leitstand.core.names import short_name
from leitstand.core.recovery import RecoveryWindow

__all__ = ["CloudSql", "InstanceState", "SqlOperation"]

_API = "sqladmin.v1"


@dataclass(frozen=True)
class InstanceState:
    """An instance as it was read.

    Attributes:
        name: Full name, ``projects/P/instances/I``.
        state: As the API names it, e.g. ``RUNNABLE``.
        settings: Its settings as JSON values of the API.
        host: Private address.
        port: Where PostgreSQL listens.
    """

    name: str
    state: str
    settings: Mapping[str, Any]
    host: str
    port: int


@dataclass(frozen=True)
class SqlOperation:
    """An operation of Cloud SQL: whether it is done, and with which error, if any."""

    name: str
    done: bool
    error: str = ""


class CloudSql:
    """Reads and changes instances; each method is one call.

    Instances are named ``projects/P/instances/I``.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def instance(self, name: str) -> InstanceState:
        """Return an instance; read-only."""
        from google.cloud import sqladmin_v1 as sql

        project, instance = _parts(name)
        with translated(f"Instanz {instance} lesen"):
            found = self._connection.sql_instances.get(
                request=sql.SqlInstancesGetRequest(project=project, instance=instance)
            )
        labels = dict(found.settings.user_labels)
        return InstanceState(
            name=name,
            state=enum_name(found.state),
            settings=as_data(found.settings),
            host=_private_address(found),
            # Only the sandbox has ports of its own; Cloud SQL always listens on PostgreSQL's.
            port=int(labels.get("sandbox-port", 5432)),
        )

    def instance_names(self, project: str) -> frozenset[str]:
        """Return the short names of all instances of a project; read-only."""
        from google.cloud import sqladmin_v1 as sql

        with translated("Instanzen auflisten"):
            found = self._connection.sql_instances.list(
                request=sql.SqlInstancesListRequest(project=project)
            )
        return frozenset(instance.name for instance in found.items)

    def recovery_window(self, name: str) -> RecoveryWindow:
        """Return the times to which an instance can be recovered; read-only."""
        from google.cloud import sqladmin_v1 as sql

        project, instance = _parts(name)
        with translated(f"Wiederherstellungsfenster von {instance} lesen"):
            found = self._connection.sql_instances.get_latest_recovery_time(
                request=sql.SqlInstancesGetLatestRecoveryTimeRequest(
                    project=project, instance=instance
                )
            )
        return RecoveryWindow(found.earliest_recovery_time, found.latest_recovery_time)

    def start_clone(self, name: str, clone: str, point_in_time: datetime) -> str:
        """Start a clone as of a time; return the operation's name."""
        from google.cloud import sqladmin_v1 as sql

        project, instance = _parts(name)
        context = sql.CloneContext(destination_instance_name=clone, point_in_time=point_in_time)
        request = sql.SqlInstancesCloneRequest(
            project=project,
            instance=instance,
            body=sql.InstancesCloneRequest(clone_context=context),
        )
        with translated(f"Klon {clone} anlegen"):
            return str(self._connection.sql_instances.clone(request=request).name)

    def start_settings(self, name: str, settings: Mapping[str, Any]) -> str:
        """Start a change of the stated settings; return the operation's name."""
        from google.cloud import sqladmin_v1 as sql

        project, instance = _parts(name)
        request = sql.SqlInstancesPatchRequest(
            project=project,
            instance=instance,
            body=sql.DatabaseInstance(settings=sql.Settings(dict(settings))),
        )
        with translated(f"Einstellungen von {instance} ändern"):
            return str(self._connection.sql_instances.patch(request=request).name)

    def start_delete(self, name: str) -> str:
        """Start the deletion of an instance; return the operation's name."""
        from google.cloud import sqladmin_v1 as sql

        project, instance = _parts(name)
        request = sql.SqlInstancesDeleteRequest(project=project, instance=instance)
        with translated(f"Instanz {instance} löschen"):
            return str(self._connection.sql_instances.delete(request=request).name)

    def start_backup(self, name: str, description: str) -> str:
        """Start an on-demand backup; return the operation's name."""
        from google.cloud import sqladmin_v1 as sql

        project, instance = _parts(name)
        request = sql.SqlBackupRunsInsertRequest(
            project=project, instance=instance, body=sql.BackupRun(description=description)
        )
        with translated(f"Sicherung von {instance} anlegen"):
            return str(self._connection.sql_backups.insert(request=request).name)

    def backup_status(self, name: str, description: str) -> str:
        """Return the status of the newest backup with this description; empty without one."""
        from google.cloud import sqladmin_v1 as sql

        project, instance = _parts(name)
        request = sql.SqlBackupRunsListRequest(project=project, instance=instance)
        with translated(f"Sicherungen von {instance} auflisten"):
            found = list(self._connection.sql_backups.list(request=request))
        mine = [run for run in found if run.description == description]
        newest = max(mine, key=lambda run: run.enqueued_time, default=None)
        return "" if newest is None else enum_name(newest.status)

    def users(self, name: str) -> frozenset[str]:
        """Return the names of an instance's users; read-only."""
        found = self._connection.rest.call(
            _API, "users", "list", f"{name}/users", what=f"Nutzer von {short_name(name)} lesen"
        )
        return frozenset(str(user["name"]) for user in found.get("items", []))

    def start_user(self, name: str, user: str, password: str, member_of: str) -> str:
        """Start making a user that is a member of a role; return the operation's name."""
        self._connection.learn(password)
        body = {"name": user, "password": password, "databaseRoles": [member_of]}
        what = f"Nutzer {user} anlegen"
        answer = self._connection.rest.call(
            _API, "users", "insert", f"{name}/users", what=what, body=body
        )
        return str(answer.get("name", ""))

    def start_password(self, name: str, user: str, password: str) -> str:
        """Start changing a user's password; return the operation's name."""
        self._connection.learn(password)
        body = {"name": user, "password": password}
        answer = self._connection.rest.call(
            _API, "users", "update", f"{name}/users", what=f"Kennwort von {user} ändern",
            body=body, query={"name": user},
        )  # fmt: skip
        return str(answer.get("name", ""))

    def operation(self, project: str, name: str) -> SqlOperation:
        """Return the state of an operation; read-only."""
        from google.cloud import sqladmin_v1 as sql

        with translated(f"Operation {name} lesen"):
            found = self._connection.sql_operations.get(
                request=sql.SqlOperationsGetRequest(project=project, operation=name)
            )
        done = found.status == sql.Operation.SqlOperationStatus.DONE
        errors = "; ".join(e.message or e.code for e in found.error.errors)
        return SqlOperation(name, done, errors)


def _parts(name: str) -> tuple[str, str]:
    """Return project and instance of ``projects/P/instances/I``."""
    _, project, _, instance = name.split("/")
    return project, instance


def _private_address(instance: Any) -> str:
    from google.cloud import sqladmin_v1 as sql

    private = sql.SqlIpAddressType.PRIVATE
    found = [address.ip_address for address in instance.ip_addresses if address.type_ == private]
    return found[0] if found else ""
