"""A sweep of jobs: each is sent once, whatever happens to this process, and every result is
downloaded.

A job moves through the ledger as `unsent` -> `sending` -> `sent` -> how it ended. Each step is on
disk before the next one is taken, so a relaunch after a crash at any point reads off what to do.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from brainbrr.errors import Failed, InUse, InvalidOption
from brainbrr.sweeps.modal.ledger import OPEN, SUBMITTING, UNSENT, Ledger, Record
from brainbrr.sweeps.modal.sweep_job import CallResult, SweepJob

log = logging.getLogger(__name__)

HOUR_S = 3600.0
FINISHED = "finished"
LOST = {"expired", "cancelled"}
"""Ends after which a job is sent again unasked: its folder knows what was done."""
UNMETERED = {"crashed", "timed_out"}
"""Ends that report no time: the whole reserve counts as spent."""


class Sender(Protocol):
    """A platform that is ready to take jobs."""

    app_id: str

    def spawn(self, command: str, request: Mapping[str, Any]) -> str:
        """Send a job; return the id of its call, which outlives this process."""
        ...


class Platform(Protocol):
    """Where jobs run, as far as a sweep needs to know; Modal is one."""

    def ready(self) -> AbstractContextManager[Sender]:
        """Make everything that jobs need, and take them while the block runs."""
        ...

    def poll(self, call_id: str) -> CallResult | None:
        """Return how a call ended, or None until it has."""
        ...

    def cancel(self, call_id: str) -> None:
        """End a call; its run folder stays."""
        ...


@dataclass(frozen=True)
class Sweep:
    """How jobs are sent, followed and collected.

    Attributes:
        max_usd: the most that all jobs together may cost, previous attempts included.
        again: send jobs again that failed.
        code: if code changed since a job was sent: `refuse`, `keep` the results of the previous
            code, or send the jobs of the `new` code.
        poll_s: seconds between two polls of the jobs.
    """

    platform: Platform
    ledger: Ledger
    max_usd: float
    again: bool = False
    code: str = "refuse"
    poll_s: float = 5.0

    def with_records(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return the jobs with what the ledger knows of them.

        Raises:
            InUse: it knows some under other code, and `code` is `refuse`.
        """
        records = self.ledger.records()
        # A key is WORK-CODE: the same work under any code, the latest one last.
        of_work = {each.key.rsplit("-", 1)[0]: each for each in records.values()}
        recorded, changed = [], []
        for job in jobs:
            record, previous = records.get(job.spec.key), of_work.get(job.spec.work)
            if record is None and previous is not None and self.code != "new":
                changed.append(job.spec.number)
                record = previous
            recorded.append(replace(job, record=record or Record(job.spec.key)))
        if changed and self.code == "refuse":
            numbers = ", ".join(map(str, changed))
            raise InUse(
                "the code that the jobs were sent with",
                f"other code for {len(changed)} of {len(jobs)} jobs ({numbers})",
                "sweep.code=keep takes the previous results, sweep.code=new runs them again.",
            )
        return recorded

    def to_send(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Return those of the jobs that are to be sent."""
        # SUBMITTING is sent again, under the same claim: if the lost call does exist after all,
        # one of the two finds the claim taken, ends as a duplicate, and the other is followed.
        states = {UNSENT, SUBMITTING, *LOST}
        return [
            job
            for job in jobs
            if job.record.state in states
            or (self.again and not job.record.is_open and job.record.state != FINISHED)
        ]

    def budget_usd(self, jobs: Sequence[SweepJob]) -> float:
        """Return what each job that is to be sent may cost at most.

        Raises:
            InvalidOption: nothing is left of the cap.
        """
        sending = self.to_send(jobs)
        # The reserve of a job in SUBMITTING is given to it once more, not twice.
        resent = {job.record.key for job in sending if job.record.state == SUBMITTING}
        bound = sum(
            job.record.spent_usd + (0.0 if job.record.key in resent else job.record.reserved_usd)
            for job in jobs
        )
        left = self.max_usd - bound
        if sending and left <= 0:
            raise InvalidOption(
                f"a sweep within sweep.max_usd={self.max_usd:.2f}",
                f"{len(sending)} jobs to send, {bound:.2f} USD spent or reserved",
                "Raise sweep.max_usd, or wait until jobs end and free what they do not use.",
            )
        return left / len(sending) if sending else 0.0

    def send(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """Send what is to be sent; each job once, even with another launch of the same sweep in
        progress.

        Raises:
            InUse, InvalidOption: before anything is sent.
        """
        # The lock spans reading and writing: two launches must not both find a job unsent.
        with self.ledger.locked():
            jobs = self.with_records(jobs)
            budget_usd = self.budget_usd(jobs)
            sending = {job.spec.number for job in self.to_send(jobs)}
            if not sending:
                return jobs
            with self.platform.ready() as sender:
                return [
                    self._sent(job, budget_usd, sender) if job.spec.number in sending else job
                    for job in jobs
                ]

    def _sent(self, job: SweepJob, share_usd: float, sender: Sender) -> SweepJob:
        record = job.record
        # Only an attempt that ended gets a further number, and so a claim of its own.
        ended = record.state not in {UNSENT, SUBMITTING}
        record = replace(
            record,
            key=job.spec.key,
            attempt=record.attempt + ended,
            reserved_usd=share_usd,
            app_id=sender.app_id,
        )
        # The meter in the run folder includes earlier attempts, so the budget does too.
        budget_usd = share_usd + record.spent_usd
        request = {
            **job.request,
            "claim": f"{record.key}/{record.attempt}",
            "budget_s": budget_usd / job.usd_per_hour * HOUR_S,
        }
        # Before the call, so that one whose id never arrives here is known to be possible.
        self.ledger.append(
            SUBMITTING,
            record.key,
            attempt=record.attempt,
            reserved_usd=share_usd,
            command=job.spec.command,
            overrides=list(job.spec.overrides),
            run_dir=job.request["run_dir"],
        )
        call_id = sender.spawn(job.spec.command, request)
        self.ledger.append(OPEN, record.key, call_id=call_id, app_id=sender.app_id)
        return replace(job, record=replace(record, state=OPEN, call_id=call_id))

    def follow(self, jobs: Sequence[SweepJob], ended: Callable[[SweepJob], None]) -> list[SweepJob]:
        """Wait until every job has ended; `ended` gets each as soon as it has."""
        jobs = list(jobs)
        while True:
            for index, job in enumerate(jobs):
                if job.result is None:
                    jobs[index] = self._polled(job)
                    if jobs[index].result is not None:
                        ended(jobs[index])
            if all(job.result is not None for job in jobs):
                return jobs
            time.sleep(self.poll_s)

    def _polled(self, job: SweepJob) -> SweepJob:
        """Return the job after one poll of its call."""
        result = self.platform.poll(job.record.call_id)
        if result is None:
            return job
        if result.state == "duplicate":
            # Another call has the claim: its client died before noting the id. Follow that call.
            self.ledger.append(OPEN, job.record.key, call_id=result.call_id, app_id="")
            return replace(job, record=replace(job.record, call_id=result.call_id))
        if not job.record.is_open:
            return self._ended_before(job, result)
        usd = max(result.seconds / HOUR_S * job.usd_per_hour - job.record.spent_usd, 0.0)
        if result.state in UNMETERED:
            usd = job.record.reserved_usd
        with self.ledger.locked():
            # Another launch may have noted this end, or sent the job again: count it once.
            current = self.ledger.records()[job.record.key]
            if current.is_open and current.call_id == job.record.call_id:
                self.ledger.append(
                    "ended",
                    job.record.key,
                    call_id=job.record.call_id,
                    state=result.state,
                    usd=usd,
                    seconds=result.seconds,
                )
            record = self.ledger.records()[job.record.key]
        return replace(job, record=record, result=result)

    def _ended_before(self, job: SweepJob, result: CallResult) -> SweepJob:
        """Return a job that ended in an earlier launch with its result, unless Modal dropped it."""
        record = job.record
        if result.state == "expired":
            # The next launch sends it again; the container finds it finished in its folder.
            self.ledger.append("expired", record.key, call_id=record.call_id)
            record = replace(record, state="expired")
        return replace(job, record=record, result=result)

    def cancel(self, jobs: Sequence[SweepJob]) -> list[SweepJob]:
        """End every call of these jobs that may be running."""
        jobs = self.with_records(jobs)
        for job in jobs:
            if job.record.is_open and job.record.call_id:
                self.platform.cancel(job.record.call_id)
        return jobs


def failures(jobs: Sequence[SweepJob]) -> Failed | None:
    """Return the error that names the jobs which did not finish, or None if all did."""
    failed = [job for job in jobs if job.state != FINISHED]
    if not failed:
        return None
    names = "; ".join(f"job {job.spec.number} {job.state}" for job in failed)
    return Failed(
        f"{len(jobs)} finished jobs",
        f"{len(jobs) - len(failed)} ({names})",
        "See log.txt in their folders; the same command with sweep.again=true sends them again.",
    )
