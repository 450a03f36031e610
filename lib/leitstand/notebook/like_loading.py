"""Makes a furnished sandbox like another environment, and says what of it is not.

What cannot be made is never made up: it becomes a sentence for the reader.
"""

import copy
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from leitstand.cloud.errors import NotFound
from leitstand.cloud.resources import Resources
from leitstand.cloud.run import CloudRun
from leitstand.core.deviations import Agreement, environment_path
from leitstand.core.errors import LeitstandError, RunFailed
from leitstand.core.kinds import Step
from leitstand.core.plan import Approval, Approved
from leitstand.core.predictions.words import Words, words_of
from leitstand.core.predictions.world import ServiceSeen, World, to_be_made
from leitstand.core.traffic import LATEST, Share, Split
from leitstand.execution.provisioning import Observed, Provisioner
from leitstand.notebook.like_database import load_structure
from leitstand.notebook.like_secrets import add_versions, set_versions

if TYPE_CHECKING:
    from leitstand.audit.journal import Journal
    from leitstand.cloud.connection import Connection

__all__ = ["NotMade", "load"]

_SECONDS = 60.0
"""So long one change of the sandbox may take."""
_ALL = 100
"""Percent."""
_BY_THEMSELVES = frozenset({"run.services", "secretmanager.versions"})


class NotMade(RunFailed):
    """A change of the sandbox did not succeed; what it was for is not like the environment."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "")


def load(
    connection: "Connection", world: World, theirs: Words, journal: "Journal"
) -> tuple[str, ...]:
    """Make a furnished sandbox like a world; return what is not like it, as German sentences.

    Changes secrets, revisions, traffic and scaling of services, every resource that is not as its
    environment file says, and where the world has its structure the application's database.

    Args:
        connection: To the sandbox.
        world: The other environment.
        theirs: The names of that environment.
        journal: Of what is done to the sandbox.

    Raises:
        ValueError: the connection is not to a sandbox; nothing is changed.
    """
    if connection.environment.name != "sandbox":  # what follows replaces databases
        raise ValueError("only a sandbox is made like another environment")
    seen = Provisioner(connection).observe()
    loading = _Loading(connection, theirs, words_of(connection.environment, seen.number))
    if world.structure is not None:
        loading.unlike += load_structure(connection, world.structure)
    add_versions(connection, world, loading.noted)
    with ThreadPoolExecutor(8, thread_name_prefix="like") as pool:
        list(pool.map(loading.make_service, world.services.values()))
    set_versions(connection, world, loading.noted)
    loading.depart(world, seen, journal)
    return tuple(loading.unlike)


class _Loading:
    def __init__(self, connection: "Connection", theirs: Words, ours: Words) -> None:
        self._connection = connection
        self._environment = connection.environment
        self._cloud = CloudRun(connection)
        self._theirs, self._ours = theirs, ours
        self.unlike: list[str] = []

    def make_service(self, seen: ServiceSeen) -> None:
        """Make the revisions of a service one after the other, then its traffic and scaling."""
        name = self._environment.service_name(seen.name)
        with self.noted(f"Dienst {seen.name}"):
            before = {r.name for r in self._cloud.list_revisions(name)}
            made = set(before)
            for revision in to_be_made(seen):
                if revision.name in made:
                    continue
                if not revision.ready:
                    self.unlike.append(f"Revision {revision.name}: Sie ist dort nicht bereit.")
                    continue
                with self.noted(f"Revision {revision.name}"):
                    state = self._cloud.service(name)
                    split = state.traffic.pinned(state.latest_ready_revision)
                    template = {**self._fitted(revision.template), "revision": revision.name}
                    self._wait(self._cloud.start_revision(name, state.etag, template, split))
                    made.add(revision.name)
            self._set_traffic(name, seen, made)
            if dict(self._cloud.scaling(name)) != dict(seen.scaling):
                etag = self._cloud.service(name).etag
                self._wait(self._cloud.start_scaling(name, etag, seen.scaling))
            there = {revision.name for revision in seen.revisions}
            for left in sorted(before - there):
                with self.noted(f"Revision {left}"):
                    self._wait(self._cloud.start_delete_revision(name, left))

    def _set_traffic(self, name: str, seen: ServiceSeen, made: set[str]) -> None:
        state = self._cloud.service(name)
        asked = seen.traffic.shares or (Share(LATEST, 100),)
        shares = [s for s in asked if s.revision == LATEST or s.revision in made]
        split = Split(tuple(shares))
        if sum(split.serving().values()) != _ALL:
            self.unlike.append(f"Dienst {seen.name}: Eine Revision mit Verkehr fehlt.")
        elif not split.equivalent(state.traffic):
            self._wait(self._cloud.start_traffic(name, state.etag, split))

    def depart(self, world: World, seen: Observed, journal: "Journal") -> None:
        """Let every resource differ from its file as it does there."""
        agreement = Agreement(tuple(self._environment.deviations))
        wanted = {self._plain(resource.key): resource for resource in seen.resources}
        changed: dict[str, Mapping[str, Any]] = {}
        for key, fields in world.departures.items():
            resource = wanted.get(self._theirs.plain(key))
            if key.partition("/")[0] in _BY_THEMSELVES:
                continue
            if resource is None:
                self.unlike.append(f"{key}: Die Sandbox hat diese Ressource nicht.")
            elif fields is None:
                with self.noted(key):
                    self._delete(resource.key, seen)
            else:
                changed[resource.key] = self._changed(
                    resource.key, resource.body, fields, agreement
                )
        self._apply(changed, seen, journal)

    def _changed(
        self, key: str, body: Mapping[str, Any], fields: Mapping[str, Any], agreement: Agreement
    ) -> Mapping[str, Any]:
        wanted = copy.deepcopy(dict(body))
        for path, value in fields.items():
            if reason := agreement.reason(environment_path(key, path)):
                self.unlike.append(f"{key}, {path}: {reason}")
            elif value in (None, "", [], {}):
                self.unlike.append(f"{key}, {path}: Dort steht nichts.")
            else:
                _put(wanted, path, self._fitted(value))
        return wanted

    def _apply(
        self, changed: Mapping[str, Mapping[str, Any]], seen: Observed, journal: "Journal"
    ) -> None:
        if not changed:
            return
        resources = tuple(
            replace(resource, body=changed.get(resource.key, resource.body))
            for resource in seen.resources
        )
        provisioner = Provisioner(self._connection)
        seen = replace(seen, resources=resources)
        made = provisioner.plan(seen)
        for left in made.withheld:
            if left.key in changed:
                self.unlike.append(f"{left.key}: {left.blocked}")
        expires = datetime.now(UTC) + timedelta(hours=1)
        journal.append("plan.made", plan=made.plan.as_data(), digest=made.plan.digest)
        journal.append(
            "approval.given", digest=made.plan.digest, by="rehearsal", expires_at=expires
        )
        approved = Approved(made.plan, Approval(made.plan.digest, "rehearsal", expires))
        schedule = provisioner.schedule(approved, seen, journal, lambda *_: None)
        for key, error in schedule.run(max(Step)).failed.items():
            self.unlike.append(f"{key}: {error.message}")

    def _delete(self, key: str, seen: Observed) -> None:
        resource = next(one for one in seen.resources if one.key == key)
        if resource.kind.holds_data or not resource.kind.delete:
            raise NotMade("In der Sandbox gibt es sie trotzdem.")
        resources = Resources(self._connection)
        operation = resources.start_delete(resource.kind, resource.name)
        end = time.monotonic() + _SECONDS
        while operation and not (state := resources.operation(resource.kind, operation)).done:
            if time.monotonic() > end:
                raise NotMade("Das Löschen dauert zu lange.")
            time.sleep(self._connection.poll_interval)
        if operation and state.error:
            raise NotMade(state.error)

    def _wait(self, operation: str) -> None:
        end = time.monotonic() + _SECONDS
        while not (state := self._cloud.operation(operation)).done:
            if time.monotonic() > end:
                raise NotMade("Das dauert zu lange.")
            time.sleep(self._connection.poll_interval)
        if state.error:
            raise NotMade(state.error)

    def _fitted(self, value: Any) -> Any:
        return self._ours.filled(self._theirs.plain(value))

    def _plain(self, key: str) -> str:
        return str(self._ours.plain(key))

    def noted(self, what: str) -> "_Noted":
        """Return a block whose errors become sentences about what is not like it."""
        return _Noted(what, self.unlike.append)


class _Noted:
    """Turns an error within its block into a sentence about what is not like it."""

    def __init__(self, what: str, note: Callable[[str], None]) -> None:
        self._what, self._note = what, note

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if isinstance(error, NotFound):
            self._note(f"{self._what}: Die Sandbox hat das nicht.")
        elif isinstance(error, LeitstandError):
            self._note(f"{self._what}: {error.message}")
        return isinstance(error, LeitstandError)


def _put(body: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    for part in above:
        body[part] = dict(body.get(part) or {})
        body = body[part]
    body[last] = value
