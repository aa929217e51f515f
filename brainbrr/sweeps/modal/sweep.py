"""A sweep of jobs: each is sent once, whatever happens to this process, and every result comes
home."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from brainbrr.errors import BrainbrrError
from brainbrr.sweeps.modal.ledger import OPEN, UNSENT, UNSURE, Ledger, Record
from brainbrr.sweeps.modal.platform import Outcome, Platform, Sender
from brainbrr.sweeps.modal.prices import HOUR_S
from brainbrr.sweeps.modal.sweep_job import Cell

log = logging.getLogger(__name__)

FINISHED = "finished"
LOST = {"expired", "cancelled"}
"""Ends after which a job is sent again without being asked: its folder knows what was done."""
UNMETERED = {"crashed", "timed_out"}
"""Ends that tell no time: the whole reserve counts as spent."""


class CodeChanged(BrainbrrError):
    """Jobs of this sweep were sent with other code than there is now."""


class OverBudget(BrainbrrError):
    """The sweep is expected to cost more than it may."""


class JobsFailed(BrainbrrError):
    """Some jobs of a sweep did not finish; the others' results are home."""


@dataclass(frozen=True)
class Job:
    """A cell on its way.

    Attributes:
        request: what its container is told, but for what depends on the attempt.
        usd_per_hour: of the dearest container it may get.
        expected_hours: of the estimate; None where there is none.
        record: what the ledger knows.
        outcome: how it ended; None while it has not.
    """

    cell: Cell
    request: Mapping[str, Any]
    usd_per_hour: float
    expected_hours: float | None
    record: Record
    outcome: Outcome | None = None

    @property
    def expected_usd(self) -> float:
        """Cost of the estimate; 0 where there is none."""
        return (self.expected_hours or 0.0) * self.usd_per_hour

    @property
    def state(self) -> str:
        """In one word, for a table."""
        if self.outcome is not None:
            return self.outcome.state
        return "running" if self.record.is_open else self.record.state


@dataclass(frozen=True)
class Sweep:
    """How jobs are sent, followed and brought home.

    Attributes:
        max_usd: the most that all jobs together may cost, former attempts included.
        again: send jobs again that failed.
        code: `refuse` where code changed since a job was sent, `keep` the results of the former
            code, or send the jobs of `new` code.
        poll_s: seconds from one look at the jobs to the next.
    """

    platform: Platform
    ledger: Ledger
    max_usd: float
    again: bool = False
    code: str = "refuse"
    poll_s: float = 5.0

    def known(self, jobs: Sequence[Job]) -> list[Job]:
        """The jobs with what the ledger knows of them.

        Raises:
            CodeChanged: it knows some under other code, and `code` does not say what to do.
        """
        records = self.ledger.records()
        former: dict[str, Record] = {}
        for record in records.values():
            former[record.cell.rsplit("-", 1)[0]] = record
        found, changed = [], []
        for job in jobs:
            mine, other = records.get(job.cell.key), former.get(job.cell.what)
            if mine is None and other is not None and self.code != "new":
                changed.append(job.cell.number)
                mine = other
            found.append(replace(job, record=mine or Record(job.cell.key)))
        if changed and self.code == "refuse":
            numbers = ", ".join(map(str, changed))
            raise CodeChanged(
                "the code that the jobs were sent with",
                f"other code for {len(changed)} of {len(jobs)} jobs ({numbers})",
                "sweep.code=keep takes the former code's results, sweep.code=new runs them anew.",
            )
        return found

    def to_send(self, jobs: Sequence[Job]) -> list[Job]:
        """Those of the jobs that are to be sent now."""
        states = {UNSENT, UNSURE, *LOST}
        return [
            job
            for job in jobs
            if job.record.state in states
            or (self.again and not job.record.is_open and job.record.state != FINISHED)
        ]

    def shares_usd(self, jobs: Sequence[Job]) -> float:
        """What each job that is to be sent may cost at most.

        Raises:
            OverBudget: that is less than they are expected to cost.
        """
        sending = self.to_send(jobs)
        names = {job.record.cell for job in sending if job.record.state == UNSURE}
        bound = sum(
            job.record.spent_usd + (0.0 if job.record.cell in names else job.record.reserved_usd)
            for job in jobs
        )
        left = self.max_usd - bound
        expected = sum(job.expected_usd for job in sending)
        if sending and (expected > left or left <= 0):
            raise OverBudget(
                f"a sweep within sweep.max_usd={self.max_usd:.2f}",
                f"{expected:.2f} USD expected for {len(sending)} jobs,"
                f" {bound:.2f} spent or reserved",
                "Raise sweep.max_usd, send fewer jobs, or choose cheaper hardware.",
            )
        return left / len(sending) if sending else 0.0

    def send(self, jobs: Sequence[Job]) -> list[Job]:
        """Send what is to be sent; each job once, also beside another launch of the same sweep.

        Raises:
            CodeChanged, OverBudget: before anything is sent.
        """
        with self.ledger.locked():
            jobs = self.known(jobs)
            share_usd = self.shares_usd(jobs)
            sending = {job.cell.number for job in self.to_send(jobs)}
            if not sending:
                return jobs
            with self.platform.ready() as sender:
                return [
                    self._sent(job, share_usd, sender) if job.cell.number in sending else job
                    for job in jobs
                ]

    def _sent(self, job: Job, share_usd: float, sender: Sender) -> Job:
        record = job.record
        ended = record.state not in {UNSENT, UNSURE}
        record = replace(
            record,
            cell=job.cell.key,
            attempt=record.attempt + ended,
            reserved_usd=share_usd,
            app_id=sender.app_id,
        )
        # A former attempt's time is in the run folder, and its cost is part of the share's bound.
        budget_usd = share_usd + record.spent_usd
        request = {
            **job.request,
            "claim": f"{record.cell}/{record.attempt}",
            "budget_s": budget_usd / job.usd_per_hour * HOUR_S,
        }
        self.ledger.append(
            UNSURE,
            record.cell,
            attempt=record.attempt,
            reserved_usd=share_usd,
            command=job.cell.command,
            overrides=list(job.cell.overrides),
            run_dir=job.request["run_dir"],
        )
        call_id = sender.spawn(job.cell.command, request)
        self.ledger.append(OPEN, record.cell, call_id=call_id, app_id=sender.app_id)
        return replace(job, record=replace(record, state=OPEN, call_id=call_id))

    def follow(self, jobs: Sequence[Job], ended: Callable[[Job], None]) -> list[Job]:
        """Wait until every job has ended; `ended` sees each as soon as it has."""
        jobs = list(jobs)
        while True:
            for place, job in enumerate(jobs):
                if job.outcome is None:
                    jobs[place] = self._looked(job)
                    if jobs[place].outcome is not None:
                        ended(jobs[place])
            if all(job.outcome is not None for job in jobs):
                return jobs
            time.sleep(self.poll_s)

    def _looked(self, job: Job) -> Job:
        """The job after one look at its call."""
        outcome = self.platform.poll(job.record.call_id)
        if outcome is None:
            return job
        if outcome.state == "duplicate":
            # Another launch sent this job, and its client died or went elsewhere: it is followed.
            self.ledger.append(OPEN, job.record.cell, call_id=outcome.call_id, app_id="")
            return replace(job, record=replace(job.record, call_id=outcome.call_id))
        if not job.record.is_open:
            return self._remembered(job, outcome)
        usd = max(outcome.seconds / HOUR_S * job.usd_per_hour - job.record.spent_usd, 0.0)
        if outcome.state in UNMETERED:
            usd = job.record.reserved_usd
        with self.ledger.locked():
            now = self.ledger.records()[job.record.cell]
            if now.is_open and now.call_id == job.record.call_id:
                self.ledger.append(
                    "ended",
                    job.record.cell,
                    call_id=job.record.call_id,
                    state=outcome.state,
                    usd=usd,
                    seconds=outcome.seconds,
                )
            record = self.ledger.records()[job.record.cell]
        return replace(job, record=record, outcome=outcome)

    def _remembered(self, job: Job, outcome: Outcome) -> Job:
        """A job that ended in a former launch: its result again, if it is still to be had."""
        record = job.record
        if outcome.state == "expired":
            self.ledger.append("expired", record.cell, call_id=record.call_id)
            record = replace(record, state="expired")
        return replace(job, record=record, outcome=outcome)

    def cancel(self, jobs: Sequence[Job]) -> list[Job]:
        """End every call of these jobs that may be running."""
        jobs = self.known(jobs)
        for job in jobs:
            if job.record.is_open and job.record.call_id:
                self.platform.cancel(job.record.call_id)
        return jobs


def failures(jobs: Sequence[Job]) -> JobsFailed | None:
    """The error that names the jobs which did not finish, or None where all did."""
    failed = [job for job in jobs if job.state != FINISHED]
    if not failed:
        return None
    told = "; ".join(f"job {job.cell.number} {job.state}" for job in failed)
    return JobsFailed(
        f"{len(jobs)} finished jobs",
        f"{len(jobs) - len(failed)} ({told})",
        "See log.txt in their folders; the same command with sweep.again=true sends them anew.",
    )
