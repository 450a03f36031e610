"""Conditions of jobs, executions and tasks, as Cloud Run words them.

The sentences are those that the API answers (seen in reports of failed executions); the numeric
codes of an attempt's status are not documented and are the sandbox's choice.
"""

from __future__ import annotations

from google.cloud import run_v2
from google.rpc import code_pb2

from leitstand.sandbox.conditions import State, condition
from leitstand.sandbox.task_process import Outcome

__all__ = [
    "STOPPED",
    "attempt_result",
    "execution_cancelled",
    "execution_failed",
    "execution_started",
    "execution_succeeded",
    "is_completed",
    "job_failed",
    "job_ready",
    "put",
    "task_cancelled",
    "task_failed",
    "task_started",
    "task_succeeded",
]

_Reason = run_v2.Condition.ExecutionReason
STOPPED = "The sandbox was stopped during this execution."
_TIMEOUT = "The configured timeout was reached."
_NOT_ZERO = "The container exited with an error."


def put(resource: run_v2.Execution | run_v2.Task, new: run_v2.Condition) -> None:
    """Changes `resource`: replaces its condition of the same type, or adds it."""
    for index, old in enumerate(resource.conditions):
        if old.type_ == new.type_:
            if old.state == new.state:
                new.last_transition_time = old.last_transition_time
            resource.conditions[index] = new
            return
    resource.conditions.append(new)


def is_completed(resource: run_v2.Execution | run_v2.Task) -> bool:
    """Whether it has ended, in whatever way."""
    return bool(resource.completion_time)


def job_ready(job: run_v2.Job) -> None:
    """Changes `job`: executions can be made of it."""
    _settled(job)
    job.terminal_condition = condition("Ready", State.CONDITION_SUCCEEDED)


def job_failed(job: run_v2.Job, message: str, reason: int) -> None:
    """Changes `job`: no execution can be made of it, because of its image or a secret."""
    _settled(job)
    job.terminal_condition = condition("Ready", State.CONDITION_FAILED, message, reason=reason)


def execution_started(execution: run_v2.Execution) -> None:
    """Changes `execution`: its tasks may run."""
    execution.reconciling = True
    put(execution, condition("Completed", State.CONDITION_RECONCILING))
    for type_ in ("ResourcesAvailable", "ContainerReady", "Started"):
        put(execution, condition(type_, State.CONDITION_SUCCEEDED))


def execution_succeeded(execution: run_v2.Execution) -> None:
    """Changes `execution`: every task succeeded."""
    _ended(execution)
    put(execution, condition("Completed", State.CONDITION_SUCCEEDED))


def execution_failed(execution: run_v2.Execution, message: str) -> None:
    """Changes `execution`: at least one task failed for good."""
    _ended(execution)
    failed = condition("Completed", State.CONDITION_FAILED, message)
    failed.execution_reason = _Reason(_Reason.NON_ZERO_EXIT_CODE)
    put(execution, failed)


def execution_cancelled(execution: run_v2.Execution) -> None:
    """Changes `execution`: it was ended on request."""
    _ended(execution)
    cancelled = condition("Completed", State.CONDITION_FAILED, "Execution was cancelled.")
    cancelled.execution_reason = _Reason(_Reason.CANCELLED)
    put(execution, cancelled)


def task_started(task: run_v2.Task) -> None:
    """Changes `task`: its first attempt runs."""
    task.reconciling = True
    put(task, condition("Completed", State.CONDITION_RECONCILING))
    put(task, condition("Started", State.CONDITION_SUCCEEDED))


def task_succeeded(task: run_v2.Task) -> None:
    """Changes `task`: an attempt exited with 0."""
    _ended(task)
    put(task, condition("Completed", State.CONDITION_SUCCEEDED))


def task_failed(task: run_v2.Task, message: str) -> None:
    """Changes `task`: its last attempt failed."""
    _ended(task)
    failed = condition("Completed", State.CONDITION_FAILED, message)
    failed.execution_reason = _Reason(_Reason.NON_ZERO_EXIT_CODE)
    put(task, failed)


def task_cancelled(task: run_v2.Task) -> None:
    """Changes `task`: it was ended, or never started, on request."""
    _ended(task)
    cancelled = condition("Completed", State.CONDITION_FAILED, "Task was cancelled.")
    cancelled.execution_reason = _Reason(_Reason.CANCELLED)
    put(task, cancelled)


def attempt_result(outcome: Outcome) -> run_v2.TaskAttemptResult:
    """What the API tells about an attempt; at most one of exit code and signal is set."""
    result = run_v2.TaskAttemptResult()
    pb = run_v2.TaskAttemptResult.pb(result)
    if outcome.succeeded:
        pb.status.code = code_pb2.OK
        return result
    if outcome.timed_out:
        pb.status.code, pb.status.message = code_pb2.DEADLINE_EXCEEDED, _TIMEOUT
    elif outcome.cancelled:
        pb.status.code, pb.status.message = code_pb2.CANCELLED, "The task was cancelled."
    else:
        pb.status.code, pb.status.message = code_pb2.ABORTED, _NOT_ZERO
    if outcome.signal:
        result.term_signal = outcome.signal
    elif outcome.code is not None:
        result.exit_code = outcome.code
    return result


def _ended(resource: run_v2.Execution | run_v2.Task) -> None:
    resource.reconciling = False
    resource.observed_generation = resource.generation


def _settled(job: run_v2.Job) -> None:
    job.reconciling = False
    job.observed_generation = job.generation
