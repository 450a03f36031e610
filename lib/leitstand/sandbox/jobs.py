"""google.cloud.run.v2.Jobs: what runs to its end, and the calls that run it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import grpc
from google.cloud import run_v2
from google.protobuf import json_format

from leitstand.sandbox import job_conditions as conditions
from leitstand.sandbox import job_rules
from leitstand.sandbox.conditions import State, reason_of
from leitstand.sandbox.containers import environment
from leitstand.sandbox.errors import ApiError, already_exists, failed_precondition, not_found
from leitstand.sandbox.execution_run import Surroundings
from leitstand.sandbox.executions import Executions
from leitstand.sandbox.images.catalogue import UnknownImage
from leitstand.sandbox.job_rules import JobName
from leitstand.sandbox.operations import Operations
from leitstand.sandbox.paging import page
from leitstand.sandbox.references import UNCHECKED, References
from leitstand.sandbox.rest.policies import forget_policy
from leitstand.sandbox.service_rules import check_etag
from leitstand.sandbox.store import Store
from leitstand.sandbox.tasks import Tasks

__all__ = ["Jobs"]

_SERVICE = "/google.cloud.run.v2.Jobs/"
_Reason = run_v2.Condition.CommonReason


class Jobs:
    """Serves Create, Get, List, Update, Delete and Run, with Executions and Tasks below them."""

    def __init__(
        self,
        store: Store,
        operations: Operations,
        surroundings: Surroundings,
        references: References = UNCHECKED,
    ) -> None:
        self._store = store
        self._jobs = store.table("jobs", run_v2.Job)
        self._operations = operations
        self._around = surroundings
        self._references = references
        self.executions = Executions(store, operations, surroundings)
        self._tasks = Tasks(store)

    def methods(self) -> Mapping[str, Callable[[Any], Awaitable[Any]]]:
        """The served methods by their full gRPC path, those of Executions and Tasks included."""
        return {
            _SERVICE + "CreateJob": self.create,
            _SERVICE + "GetJob": self.get,
            _SERVICE + "ListJobs": self.list,
            _SERVICE + "UpdateJob": self.update,
            _SERVICE + "DeleteJob": self.delete,
            _SERVICE + "RunJob": self.run,
            **self.executions.methods(),
            **self._tasks.methods(),
        }

    def seed(self, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Add jobs from their JSON (snake_case, full `name`) where they do not exist yet.

        Raises:
            ApiError: Cloud Run would refuse one of them.
        """
        for document in jobs:
            job = run_v2.Job()
            json_format.ParseDict(dict(document), run_v2.Job.pb(job))
            if job.name not in self._jobs:
                self._commit(self._fresh(JobName.parse(job.name), job))

    async def close(self) -> None:
        """End every process of every execution and wait until all are gone."""
        await self.executions.close()

    async def create(self, request: run_v2.CreateJobRequest) -> Any:
        """Create a job; nothing runs yet."""
        name = JobName.below(request.parent, request.job_id)
        if str(name) in self._jobs:
            raise already_exists(str(name))
        return self._create(name, request.job, request.validate_only)

    async def get(self, request: run_v2.GetJobRequest) -> run_v2.Job:
        """One job by its full name."""
        return self._find(request.name)

    async def list(self, request: run_v2.ListJobsRequest) -> run_v2.ListJobsResponse:
        """The jobs of a location, by name."""
        parent = JobName.below(request.parent, "x").parent
        found = sorted(
            (job for name, job in self._jobs.items() if name.startswith(f"{parent}/")),
            key=_by_name,
        )
        shown, token = page(found, _by_name, request.page_size, request.page_token, default=100)
        return run_v2.ListJobsResponse(jobs=shown, next_page_token=token)

    async def update(self, request: run_v2.UpdateJobRequest) -> Any:
        """Replace what is wanted of a job; executions under way keep their own template."""
        name = JobName.parse(request.job.name)
        current = self._jobs.get(str(name))
        if current is None:
            if not request.allow_missing:
                raise not_found(str(name))
            return self._create(name, request.job, request.validate_only)
        check_etag(name.job, request.job.etag, current.etag)
        job_rules.check_no_tokens(request.job)
        wanted = job_rules.replaced(current, request.job)
        job_rules.check_job(wanted)
        self._references.check_account(name.parent, wanted.template.template.service_account)
        job_rules.fill_defaults(wanted)
        if not request.validate_only:
            if not job_rules.same_wish(current, wanted):
                wanted.generation = current.generation + 1
            self._commit(wanted)
        return self._operations.start(name.parent, str(name), _ready(wanted), wanted)

    async def delete(self, request: run_v2.DeleteJobRequest) -> Any:
        """Delete a job and its executions; those that run are stopped."""
        job = self._find(request.name)
        name = JobName.parse(job.name)
        check_etag(name.job, request.etag, job.etag)
        work = self._delete(job, request.validate_only)
        return self._operations.start(name.parent, job.name, work, job)

    async def run(self, request: run_v2.RunJobRequest) -> Any:
        """Make and start an execution; the operation ends with it.

        Executions that run already do not matter: nothing prevents two at once. The operation of
        a failed execution ends with an error, that of a cancelled one with the execution.
        """
        job = self._find(request.name)
        name = JobName.parse(job.name)
        check_etag(name.job, request.etag, job.etag)
        template = job_rules.overridden(job.template, request.overrides)
        self._settle(job)
        if job.terminal_condition.state != State.CONDITION_SUCCEEDED:
            raise failed_precondition(
                f"Job '{name.job}' is not ready: {job.terminal_condition.message}"
            )
        container = template.template.containers[0]
        container.image = self._around.catalogue.resolve(container.image).by_digest
        execution = self.executions.new(job, template)
        if request.validate_only:
            return self._operations.start(name.parent, execution.name, _done(execution), execution)
        job.execution_count += 1
        job.latest_created_execution = run_v2.ExecutionReference(
            name=execution.name.rpartition("/")[2], create_time=execution.create_time
        )
        self._jobs[job.name] = job
        end = self.executions.start(execution)
        work = self._ended(execution, end)
        return self._operations.start(name.parent, execution.name, work, execution)

    async def _ended(self, execution: run_v2.Execution, end: Awaitable[None]) -> run_v2.Execution:
        await end
        if execution.failed_count and not execution.cancelled_count:
            message = next(c.message for c in execution.conditions if c.type_ == "Completed")
            raise ApiError(grpc.StatusCode.ABORTED, message)
        return execution

    async def _delete(self, job: run_v2.Job, validate_only: bool) -> run_v2.Job:
        if not validate_only:
            self._jobs.pop(job.name, None)
            forget_policy(self._store, job.name)
            await self.executions.remove_all(job.name)
            job.delete_time = datetime.now(UTC)
        return job

    def _create(self, name: JobName, wanted: run_v2.Job, validate_only: bool) -> Any:
        job = self._fresh(name, wanted)
        self._references.check_account(name.parent, job.template.template.service_account)
        if not validate_only:
            self._commit(job)
        return self._operations.start(name.parent, str(name), _ready(job), job)

    def _fresh(self, name: JobName, wanted: run_v2.Job) -> run_v2.Job:
        """A new job of that name with the settable fields of `wanted`, checked."""
        JobName.below(name.parent, name.job)
        job_rules.check_no_tokens(wanted)
        base = run_v2.Job(
            name=str(name), uid=str(uuid.uuid4()), generation=1, create_time=datetime.now(UTC)
        )
        job = job_rules.replaced(base, wanted)
        job_rules.check_job(job)
        job_rules.fill_defaults(job)
        return job

    def _commit(self, job: run_v2.Job) -> None:
        """Write down what is wanted from now on; changes `job`."""
        job.update_time = datetime.now(UTC)
        job.etag = job_rules.etag_of(job)
        self._settle(job)
        self._jobs[job.name] = job

    def _settle(self, job: run_v2.Job) -> None:
        """Say in the job's condition whether its image, its network and its secrets are there."""
        name, template = JobName.parse(job.name), job.template.template
        container = template.containers[0]
        try:
            self._around.catalogue.resolve(container.image)
            self._references.check_template(name.parent, template)
            environment(container, name.project, self._around.secrets)
        except UnknownImage as error:
            conditions.job_failed(job, str(error), _Reason.CONTAINER_MISSING)
        except ApiError as error:
            conditions.job_failed(job, error.message, reason_of(error))
        else:
            conditions.job_ready(job)

    def _find(self, name: str) -> run_v2.Job:
        JobName.parse(name)
        if name not in self._jobs:
            raise not_found(name)
        return self._jobs[name]


async def _ready(job: run_v2.Job) -> run_v2.Job:
    if job.terminal_condition.state == State.CONDITION_FAILED:
        raise failed_precondition(job.terminal_condition.message)
    return job


async def _done(execution: run_v2.Execution) -> run_v2.Execution:
    return execution


def _by_name(job: run_v2.Job) -> tuple[str]:
    return (job.name,)
