"""Many recordings annotated, their windows in full batches, into a tree that mirrors the input's.

The next recordings are prepared while the network runs. Prepared EEG lies on disk, so that a night
needs little memory; what was finished before a kill is not done again.
"""

import logging
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from brainbrr.errors import BrainbrrError
from brainbrr.file_lock import lock
from brainbrr.inference.detector import BATCH_SIZE, Annotator
from brainbrr.inference.evidence import Evidence, evidence_of, with_channels
from brainbrr.inference.ledger import LEDGER, Ledger
from brainbrr.inference.prepared_eeg import PreparedEeg, prepare_to_disk
from brainbrr.inference.recordings import Job
from brainbrr.inference.results import Result, result_files, write_result
from brainbrr.inference.rollout import Rollout, pack
from brainbrr.signal.window_model import WindowModel

log = logging.getLogger(__name__)

CLAIMS = ".claims"
PREPARING = ".preparing"
FAULTS = (BrainbrrError, OSError, ValueError, ArithmeticError, LookupError, MemoryError)
"""What a single recording can bring about: refusals, the disk's, and damage met half-way."""


class RecordingsFailed(BrainbrrError):
    """Some recordings could not be annotated; the others were."""


class OutputBusy(BrainbrrError):
    """Another run writes into the same folder."""


@dataclass(frozen=True)
class Settings:
    """How recordings are annotated; none of it but `evidence` changes what is found.

    Attributes:
        formats: keys of `WRITERS`.
        traces: also keep the probability over time.
        evidence: name the electrodes that mattered, for 21 windows an event.
        batch_size: windows computed at once.
        workers: threads that prepare recordings while the network runs; 0 for one after the other.
    """

    formats: Sequence[str] = ("tsv",)
    traces: bool = False
    evidence: bool = True
    batch_size: int = BATCH_SIZE
    workers: int = 1

    def files(self, job: Job) -> list[Path]:
        """The files that a recording's results will be."""
        return result_files(job, self.formats, traces=self.traces)


@dataclass(frozen=True)
class Outcome:
    """What became of one recording: `done` now, `kept` from an earlier run, or `failed`."""

    job: Job
    state: Literal["done", "kept", "failed"]
    n_events: int = 0
    error: Exception | None = None


@dataclass(frozen=True)
class Annotating:
    """One run of a detector over recordings.

    Attributes:
        detector: any form of it.
        output: the folder that results go into.
        ledger: what that folder holds.
        model: the form that computes.
        advance: told the recordings, in fractions, and the seconds of EEG that each batch brought.
    """

    detector: Annotator
    output: Path
    ledger: Ledger
    settings: Settings
    model: WindowModel
    advance: Callable[[float, float], None] = lambda recordings, seconds: None

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Annotate recordings; one that fails leaves nothing behind and stops no other.

        Raises:
            OutputBusy: another run writes into the same folder.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        with lock(self.output / CLAIMS, LEDGER, wait=False) as claimed:
            if claimed == "busy":
                raise OutputBusy(
                    "no other run into the same folder", str(self.output), "Wait until it ends."
                )
            # Under the claim, whatever lies here is a killed run's.
            for left in self.output.glob(f"{PREPARING}-*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f"{PREPARING}-", dir=self.output) as folder:
                yield from self._annotated(list(jobs), Path(folder))

    def _annotated(self, jobs: list[Job], folder: Path) -> Iterator[Outcome]:
        told: deque[Outcome] = deque()
        underway: dict[int, tuple[Job, Path]] = {}
        rollouts = self._rollouts(jobs, folder, told, underway)
        for rollout in pack(rollouts, self.model, self.settings.batch_size, self.advance):
            job, place = underway.pop(id(rollout))
            try:
                outcome = self._written(job, rollout)
            except FAULTS as error:
                outcome = self._failed(job, error)
            place.unlink(missing_ok=True)
            yield from _drained(told)
            yield outcome
        yield from _drained(told)

    def _rollouts(
        self,
        jobs: list[Job],
        folder: Path,
        told: deque[Outcome],
        underway: dict[int, tuple[Job, Path]],
    ) -> Iterator[Rollout]:
        """Recordings ready for the network; what became of the others is told."""
        waiting = []
        for number, job in enumerate(jobs):
            if self.ledger.is_done(job, self.settings.files(job)):
                told.append(Outcome(job, "kept"))
            else:
                waiting.append((job, folder / f"{number}.npy"))
        for job, place, future in self._prepared(waiting):
            try:
                detector = self.detector
                rollout = Rollout(future.result(), detector.windowing, detector.reading)
            except FAULTS as error:
                told.append(self._failed(job, error))
                place.unlink(missing_ok=True)
                continue
            underway[id(rollout)] = job, place
            yield rollout

    def _prepared(
        self, waiting: list[tuple[Job, Path]]
    ) -> Iterator[tuple[Job, Path, "Future[PreparedEeg]"]]:
        """Recordings in order, each prepared at the latest when it is asked for; no more of them
        lie on disk than there are workers, and one."""
        ahead: deque[tuple[Job, Path, Future[PreparedEeg]]] = deque()
        pool = ThreadPoolExecutor(max(self.settings.workers, 1))
        try:
            for job, place in waiting:
                ahead.append((job, place, pool.submit(self._prepare, job, place)))
                if len(ahead) > self.settings.workers:
                    yield ahead.popleft()
            while ahead:
                yield ahead.popleft()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, job: Job, place: Path) -> PreparedEeg:
        self.ledger.begin(job, self.settings.files(job))
        return prepare_to_disk(job.source, self.detector.preparation, place)

    def _written(self, job: Job, rollout: Rollout) -> Outcome:
        trace = rollout.trace()
        annotation = self.detector.events(trace)
        evidence: tuple[Evidence, ...] = ()
        if self.settings.evidence:
            evidence = evidence_of(
                self.detector,
                rollout.prepared,
                annotation,
                model=self.model,
                batch_size=self.settings.batch_size,
            )
        result = Result(with_channels(annotation, evidence), trace, evidence)
        write_result(result, job, self.settings.formats, traces=self.settings.traces)
        n_events = len(annotation.events)
        self.ledger.end(
            job, self.settings.files(job), duration_s=annotation.duration_s, n_events=n_events
        )
        return Outcome(job, "done", n_events)

    def _failed(self, job: Job, error: Exception) -> Outcome:
        log.warning("%s: %s", job.source.name, error)
        self.ledger.fail(job, error)
        return Outcome(job, "failed", error=error)


def _drained(told: deque[Outcome]) -> Iterator[Outcome]:
    while told:
        yield told.popleft()
