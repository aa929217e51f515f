"""Annotate many recordings, their windows in full batches, into a tree that mirrors the input's.

    jobs -> prepared ahead, on disk -> run_batched -> events, evidence -> files, a row in the ledger

Prepared EEG lies on disk, so that a night needs little memory; recordings that were finished before
a kill are not computed again.
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

from brainbrr.errors import BrainbrrError, InUse
from brainbrr.file_lock import lock
from brainbrr.inference.annotator import BATCH_SIZE, Annotator
from brainbrr.inference.evidence import Evidence, with_channels
from brainbrr.inference.ledger import LEDGER, Ledger
from brainbrr.inference.prepared_eeg import PreparedEeg, prepare_to_disk
from brainbrr.inference.recordings import Job
from brainbrr.inference.results import Result, result_files, write_result
from brainbrr.inference.rollout import RecordingWindows, run_batched
from brainbrr.signal.window_eeg import Backend

log = logging.getLogger(__name__)

CLAIMS = ".claims"
PREPARING = ".preparing"
FAULTS = (BrainbrrError, OSError, ValueError, ArithmeticError, LookupError, MemoryError)
"""What one recording can raise: refusals, errors of the disk, and damage found half-way."""


@dataclass(frozen=True)
class Settings:
    """How recordings are annotated; of these only `evidence` changes what the events hold.

    Attributes:
        formats: keys of `WRITERS`.
        traces: also keep the probability over time.
        evidence: name the contributing electrodes, for 21 windows per event.
        batch_size: windows computed at once.
        workers: threads that prepare recordings while the network runs; 0 for one after the other.
    """

    formats: Sequence[str] = ("tsv",)
    traces: bool = False
    evidence: bool = True
    batch_size: int = BATCH_SIZE
    workers: int = 1

    def files(self, job: Job) -> list[Path]:
        """Return the files that a recording's results will be in."""
        return result_files(job, self.formats, traces=self.traces)


@dataclass(frozen=True)
class Outcome:
    """The result of one recording: `done` now, `kept` from an earlier run, or `failed`."""

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
        backend: what computes.
        advance: called with the recordings, in fractions, and the seconds of EEG of each batch.
    """

    detector: Annotator
    output: Path
    ledger: Ledger
    settings: Settings
    backend: Backend
    advance: Callable[[float, float], None] = lambda recordings, seconds: None

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Annotate recordings; one that fails leaves no file and stops no other.

        Raises:
            InUse: another run writes into the same folder.
        """
        self.output.mkdir(parents=True, exist_ok=True)
        with lock(self.output / CLAIMS, LEDGER, wait=False) as claimed:
            if claimed == "busy":
                raise InUse(f"another run writes into {self.output}", "Wait until it ends.")
            # While the folder is locked, whatever lies here is a killed run's.
            for left in self.output.glob(f"{PREPARING}-*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f"{PREPARING}-", dir=self.output) as folder:
                yield from self._annotated(list(jobs), Path(folder))

    def _annotated(self, jobs: list[Job], folder: Path) -> Iterator[Outcome]:
        settled: deque[Outcome] = deque()
        running: dict[int, tuple[Job, Path]] = {}
        recordings = self._recordings(jobs, folder, settled, running)
        batch_size, advance = self.settings.batch_size, self.advance
        for recording in run_batched(recordings, self.backend, batch_size, advance):
            job, file = running.pop(id(recording))
            try:
                outcome = self._written(job, recording)
            except FAULTS as error:
                outcome = self._failed(job, error)
            file.unlink(missing_ok=True)
            yield from _drained(settled)
            yield outcome
        yield from _drained(settled)

    def _recordings(
        self,
        jobs: list[Job],
        folder: Path,
        settled: deque[Outcome],
        running: dict[int, tuple[Job, Path]],
    ) -> Iterator[RecordingWindows]:
        """Yield recordings ready for the network; the outcome of the others goes to `settled`."""
        waiting = []
        for number, job in enumerate(jobs):
            if self.ledger.is_done(job, self.settings.files(job)):
                settled.append(Outcome(job, "kept"))
            else:
                waiting.append((job, folder / f"{number}.npy"))
        for job, file, future in self._prepared(waiting):
            try:
                detector = self.detector
                recording = RecordingWindows(future.result(), detector.windowing, detector.tiling)
            except FAULTS as error:
                settled.append(self._failed(job, error))
                file.unlink(missing_ok=True)
                continue
            running[id(recording)] = job, file
            yield recording

    def _prepared(
        self, waiting: list[tuple[Job, Path]]
    ) -> Iterator[tuple[Job, Path, "Future[PreparedEeg]"]]:
        """Yield recordings in order, prepared ahead by the workers; on disk lies at most one more
        than there are workers."""
        ahead: deque[tuple[Job, Path, Future[PreparedEeg]]] = deque()
        pool = ThreadPoolExecutor(max(self.settings.workers, 1))
        try:
            for job, file in waiting:
                ahead.append((job, file, pool.submit(self._prepare, job, file)))
                if len(ahead) > self.settings.workers:
                    yield ahead.popleft()
            while ahead:
                yield ahead.popleft()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, job: Job, file: Path) -> PreparedEeg:
        self.ledger.begin(job, self.settings.files(job))
        return prepare_to_disk(job.source, self.detector.preparation, file)

    def _written(self, job: Job, recording: RecordingWindows) -> Outcome:
        trace = recording.trace()
        annotation = self.detector.events(trace)
        evidence: tuple[Evidence, ...] = ()
        if self.settings.evidence:
            evidence = self.detector.evidence(
                recording.prepared,
                annotation,
                backend=self.backend,
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


def _drained(settled: deque[Outcome]) -> Iterator[Outcome]:
    while settled:
        yield settled.popleft()
