"""A rollout: the candidate, its smoke test, the stages; and the way back when one goes wrong."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from leitstand.audit.journal import Journal
from leitstand.cloud.errors import CloudUnreachable, Conflict
from leitstand.cloud.monitoring import Monitoring
from leitstand.cloud.run import CloudRun
from leitstand.cloud.smoke import Probe, Smoke
from leitstand.core.environment import ReleasePolicy
from leitstand.core.errors import GateRefused, LeitstandError, RolledBack, RunFailed, RunPaused
from leitstand.core.health import Diagnosis, Sample, Verdict, diagnose
from leitstand.core.names import short_name
from leitstand.core.plan import Approved
from leitstand.core.rollout import Move, baseline, next_move
from leitstand.execution.executor import Executor, Watch
from leitstand.execution.history import GATE_REFUSALS, History
from leitstand.execution.interrupts import uninterrupted

__all__ = ["Instruments", "Rollout", "Stage", "TakenOver", "take_back"]


class TakenOver(RunFailed):
    """Someone else moved the traffic during the rollout; their change stands."""

    def __init__(self, service: str) -> None:
        super().__init__(
            f"Jemand anderes hat den Verkehr von {service} während des Laufs umgestellt.",
            "Dieser Lauf greift nicht mehr ein; sprechen Sie sich ab, und starten Sie neu.",
        )


@dataclass(frozen=True)
class Stage:
    """What one stage showed.

    Attributes:
        percent: Share of the candidate.
        started: When the split was in force.
        ended: When the verdict was given.
        diagnosis: The verdict and what it rests on.
    """

    percent: int
    started: datetime
    ended: datetime
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Instruments:
    """What a rollout looks and acts with."""

    run: CloudRun
    monitoring: Monitoring
    smoke: Smoke


class Rollout:
    """Carries out an approved release; every method may be called again after a crash.

    Whatever goes wrong after the first change takes the traffic back, unless someone else has
    moved it meanwhile or the evidence merely does not suffice.
    """

    def __init__(
        self,
        approved: Approved,
        policy: ReleasePolicy,
        executor: Executor,
        journal: Journal,
        instruments: Instruments,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._plan = approved.plan
        self._policy = policy
        self._executor = executor
        self._journal = journal
        self._with = instruments
        self._now = now

    @property
    def candidate(self) -> str:
        """Short name of the new revision."""
        return str(self._plan.basis["candidate"])

    @property
    def stable(self) -> str:
        """Short name of the revision that served before."""
        return str(self._plan.basis["stable"])

    def start_candidate(self, watch: Watch) -> str:
        """Make the new revision without traffic; return the address of its tag.

        Raises:
            GateRefused: the service was changed since the plan; nothing was done.
            RolledBack: the revision did not get ready.
        """
        with self._way_back():
            self._check_still_ours()
            self._executor.apply("candidate", watch)
            return self._with.run.service(self._plan.target).tag_uri(self._policy.candidate_tag)

    def smoke_test(self, uri: str, watch: Watch) -> tuple[Probe, ...]:
        """Ask the candidate's pages under its own address; return all answers.

        Raises:
            RolledBack: a page did not answer 200.
        """
        test = self._policy.smoke_test
        with self._way_back():
            probes = []
            for path in test.paths:
                watch(path)
                probes.append(
                    self._with.smoke.probe(uri, path, timeout=test.timeout, attempts=test.attempts)
                )
            failed = [probe for probe in probes if not probe.passed]
            self._journal.append(
                "verdict",
                stage="smoke",
                verdict=Verdict.UNHEALTHY if failed else Verdict.HEALTHY,
                probes=[{"path": p.path, "status": p.status, "problem": p.problem} for p in probes],
            )
            if failed:
                answer = str(failed[0].status or f"gar nicht ({failed[0].problem})")
                raise RunFailed(
                    f"Die Smoke-Tests sind fehlgeschlagen: {failed[0].path} antwortet {answer}.", ""
                )
        return tuple(probes)

    def shift_traffic(
        self, watch: Watch, show: Callable[[Stage], None] = lambda _: None
    ) -> tuple[Stage, ...]:
        """Go through the stages; return what each of them showed.

        Raises:
            RolledBack: a stage was unhealthy, or the run was interrupted.
            RunPaused: a stage had too little evidence until its deadline; the split stays.
            TakenOver: someone else moved the traffic.
        """
        stages: list[Stage] = []
        before = Sample()
        for percent in self._policy.stages:
            done = History.read(self._journal).verdicts.get(str(percent)) == Verdict.HEALTHY
            if done:
                continue
            with self._way_back():
                self._executor.apply(f"traffic-{percent}", watch)
                stage = self._judge(percent, before, watch)
                stages.append(stage)
                show(stage)
                self._decide(stage)
            before = baseline(stage.diagnosis.stable, before, self._policy.analysis)
        return tuple(stages)

    def remove_tags(self, watch: Watch) -> None:
        """Leave the candidate alone with the whole traffic, without tags."""
        self._executor.apply("tags", watch)

    def _judge(self, percent: int, before: Sample, watch: Watch) -> Stage:
        policy = self._policy.analysis
        started, began = self._now(), time.monotonic()
        while True:
            time.sleep(policy.interval)
            elapsed = time.monotonic() - began
            diagnosis = self._look(started, before)
            move = next_move(diagnosis, elapsed, policy)
            if move is not Move.WAIT:
                break
            candidate = diagnosis.candidate
            watch(f"{percent} %: {candidate.requests} Anfragen, {candidate.errors} Fehler")
        self._journal.append(
            "verdict",
            stage=str(percent),
            verdict=diagnosis.verdict,
            candidate=vars(diagnosis.candidate),
            stable=vars(diagnosis.stable),
        )
        return Stage(percent, started, self._now(), diagnosis)

    def _look(self, started: datetime, before: Sample) -> Diagnosis:
        """Diagnose what Monitoring shows since ``started``; no answer counts as no data."""
        policy = self._policy.analysis
        end = self._now() - timedelta(seconds=policy.ingest_delay)
        whole = math.floor((end - started).total_seconds() - policy.sample_period)
        samples: dict[str, Sample] = {}
        if whole >= 1:
            start = end - timedelta(seconds=whole)
            service = self._plan.target.rsplit("/", 1)[-1]
            try:
                samples = self._with.monitoring.samples(service, start, end)
            except CloudUnreachable:
                samples = {}
        stable = baseline(samples.get(self.stable, Sample()), before, policy)
        return diagnose(samples.get(self.candidate, Sample()), stable, policy)

    def _decide(self, stage: Stage) -> None:
        diagnosis = stage.diagnosis
        if diagnosis.verdict is Verdict.UNHEALTHY:
            raise RunFailed(f"Die neue Revision ist bei {stage.percent} % nicht gesund.", "")
        if diagnosis.verdict is Verdict.INCONCLUSIVE:
            self._journal.append("run.paused", stage=str(stage.percent))
            raise RunPaused(
                f"Bei {stage.percent} % reicht der Verkehr nicht für ein Urteil:"
                f" {diagnosis.candidate.requests} von"
                f" {self._policy.analysis.min_requests} Anfragen.",
                "Setzen Sie den Lauf fort, sobald Verkehr da ist (leitstand resume),"
                " oder nehmen Sie ihn zurück (leitstand revert).",
            )

    @contextmanager
    def _way_back(self) -> Iterator[None]:
        try:
            yield
        except (RunPaused, TakenOver, *GATE_REFUSALS):
            raise
        except Conflict as error:
            self._after_conflict(error)
        except KeyboardInterrupt as error:
            if History.read(self._journal).started:
                reason = "Der Lauf wurde abgebrochen."
                raise self._rolled_back(reason) from error
            raise
        except Exception as error:
            reason = (
                error.message
                if isinstance(error, LeitstandError)
                else (f"Unerwarteter Fehler ({type(error).__name__}).")
            )
            raise self._rolled_back(reason) from error

    def _after_conflict(self, error: Conflict) -> None:
        history = History.read(self._journal)
        if not any(action.done for action in history.actions.values()):
            self._journal.append("rollout.left", reason=error.reason)
            service = short_name(self._plan.target)
            raise GateRefused(
                f"Der Dienst {service} wurde geändert, seit der Plan entstand.",
                "Prüfen Sie, wer ihn geändert hat, und starten Sie das Runbook neu.",
            ) from error
        self._check_still_ours()
        raise self._rolled_back(error.message) from error

    def _check_still_ours(self) -> None:
        """Raise ``TakenOver`` if someone else has moved the traffic since this run began."""
        history = History.read(self._journal)
        if not history.started:
            return
        if not history.left_as_was(self._with.run.service(self._plan.target)):
            self._journal.append("rollout.left", reason="traffic moved by someone else")
            raise TakenOver(short_name(self._plan.target))

    def _rolled_back(self, reason: str) -> LeitstandError:
        restored = f"Der Verkehr liegt wieder zu 100 % auf {self.stable}."
        return take_back(self._executor, self._journal, reason, restored)


def take_back(
    executor: Executor,
    journal: Journal,
    reason: str,
    restored: str,
    watch: Watch = lambda _: None,
) -> LeitstandError:
    """Apply the way back; return the error that ends the run.

    Ctrl-C is held back meanwhile.

    Args:
        reason: German sentence that says why.
        restored: German sentence that says what holds afterwards.

    Raises:
        NotApproved: the journal does not show that the plan was approved.
        ApprovalExpired: the plan was not begun, and must not be any more.
        RunOver: the run has ended before.
    """
    try:
        with uninterrupted():
            executor.take_back(watch)
            journal.append("run.rolled_back", reason=reason)
    except KeyboardInterrupt:
        pass  # the way back is done; the run ends as rolled back
    except GATE_REFUSALS:
        raise
    except LeitstandError as error:
        return RunFailed(
            f"{reason} Der Rückweg ist fehlgeschlagen: {error.message}",
            "Nehmen Sie den Lauf mit „leitstand revert“ zurück, sobald Google Cloud antwortet.",
        )
    return RolledBack(
        f"{reason} {restored}", "Sehen Sie Journal und Logs an, bevor Sie es erneut versuchen."
    )
