"""From prepared EEG to probability over time: the one implementation for every user of a network.

    manifest row, prepared file -> RecordingWindows -> run_batched -> RecordingWindows.trace
    newest window of a stream   -> run_window       -> stitched as it arrives (brainbrr.streaming)

Validation during training, `predict`, `evaluate` and streams differ in where windows come from and
in the backend; reading, batching, the checks of what comes out and stitching are these functions.
Two rules hold for all of them:

- A window in which no electrode is usable has probability 0, and no network is asked about it.
- Output that is not finite raises `NonFiniteOutput` with the recording and the window.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing, bad_samples, observed_in
from brainbrr.errors import BrainbrrError, InvalidInput
from brainbrr.events.trace import Trace
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.tiling import WINDOWS, tile, tile_length
from brainbrr.signal.window_eeg import Backend, WindowEeg
from brainbrr.signal.windows import Stitcher, read_window, recorded_spans

log = logging.getLogger(__name__)


class NonFiniteOutput(BrainbrrError):
    """A network that gave NaN or infinity instead of a probability."""


class RecordingWindows:
    """The windows of one recording, and the probability that was computed on them so far.

    Memory is two values per sample: windows are read when their batch is.

    Args:
        prepared: the recording.
        windowing: where its windows lie.
        tiling: `windows`, or `long` for segments; see `brainbrr.inference.tiling`.
        refuse_blind: refuse a recording none of whose windows has a usable electrode; otherwise its
            probability is 0 throughout.

    Raises:
        InvalidInput: no electrode holds signal, or one that does cannot be scaled.
    """

    def __init__(
        self,
        prepared: PreparedEeg,
        windowing: Windowing,
        tiling: str = WINDOWS,
        *,
        refuse_blind: bool = True,
    ) -> None:
        n_samples = prepared.eeg.shape[1]
        self.prepared, self.windowing = prepared, windowing
        self._recorded = recorded_spans(n_samples, windowing.rate_hz, prepared.gaps)
        self._bad = bad_samples(prepared.bad_spans, windowing.rate_hz)
        self.spans, self.observed = tile(self._recorded, windowing, tiling, self._observed)
        if refuse_blind and not self.observed.any():
            raise InvalidInput(
                f"{prepared.name}: at least one scalp electrode with signal",
                "none in any window" if np.any(prepared.observed) else "none",
                "Look at its channels with `brainbrr inspect`.",
            )
        self._scaling = windowing.scaling(prepared.center_uv, prepared.scale_uv)
        if not np.all(self._scaling[1][prepared.observed] > 0):
            raise InvalidInput(
                f"{prepared.name}: a positive scale for each observed electrode",
                "one without",
                "Prepare the recording again, or leave the flat channel out.",
            )
        self._stitcher = Stitcher(n_samples, windowing.length)
        self.n_left = len(self.spans)

    def windows(self) -> Iterator[int]:
        """Yield the numbers of the windows to compute; the others are settled here."""
        usable = self.observed.any(axis=1)
        blind = np.flatnonzero(~usable)
        if len(blind):
            log.warning(
                "%s: %d of %d windows without any electrode: probability 0 there",
                self.prepared.name, len(blind), len(self.spans),
            )  # fmt: skip
        for number in map(int, blind):
            self.put(number, np.zeros(self.length(number), dtype=np.float32))
        yield from map(int, np.flatnonzero(usable))

    def length(self, number: int) -> int:
        """Return the samples of a window or segment as the network gets it."""
        return tile_length(self.spans[number], self.windowing)

    def window(self, number: int) -> WindowEeg:
        """Read a window or segment."""
        return self.read(self.spans[number], self.observed[number])

    def read(self, span: NDArray[np.int64], observed: NDArray[np.bool_] | None = None) -> WindowEeg:
        """Read any span, padded to a window's length at least.

        Args:
            observed: the electrodes usable in it, `(19,)`, where known.
        """
        eeg: Any = self.prepared.eeg
        return WindowEeg(
            read_window(eeg, span, tile_length(span, self.windowing))[0],
            self._observed(span[None])[0] if observed is None else observed,
            *self._scaling,
        )

    def around(self, sample: int) -> NDArray[np.int64]:
        """Return the span of a window with a sample in its middle, moved to cross no gap."""
        holding = int(np.searchsorted(self._recorded[:, 0], sample, side="right")) - 1
        start, stop = map(int, self._recorded[max(holding, 0)])
        length = self.windowing.length
        first = max(min(sample - length // 2, stop - length), start)
        return np.array([first, min(first + length, stop)], dtype=np.int64)

    def _observed(self, spans: NDArray[np.int64]) -> NDArray[np.bool_]:
        max_bad = self.windowing.max_bad_fraction
        return observed_in(self.prepared.observed, self._bad, spans, max_bad)

    def put(self, number: int, probability: NDArray[np.float32]) -> None:
        """Put what was computed on a window on the timeline."""
        self._stitcher.add(probability, self.spans[number])
        self.n_left -= 1

    def trace(self) -> Trace:
        """Return the recording's probability at the trace's rate, once all windows are in."""
        probability = self._stitcher.result(self._recorded)
        np.clip(probability, 0.0, 1.0, out=probability)
        prepared = self.prepared
        trace = Trace(probability, self.windowing.rate_hz, prepared.gaps, prepared.start)
        return trace.reduced(self.windowing.trace_rate_hz)


Member = tuple[RecordingWindows, int]


class Batch(WindowEeg):
    """Windows of one length, of one recording or several.

    Attributes:
        members: the recording of each window, and the window's number in it.
    """

    members: Sequence[Member]

    @classmethod
    def read(cls, members: Sequence[Member]) -> "Batch":
        """Read the windows of a batch."""
        windows = [recording.window(number) for recording, number in members]
        batch = cls(*(np.stack(parts) for parts in zip(*windows, strict=True)))
        batch.members = members
        return batch


def run_batched(
    recordings: Iterable[RecordingWindows],
    backend: Callable[[Batch], NDArray[np.float32]],
    batch_size: int,
    advance: Callable[[float, float], None] = lambda recordings, seconds: None,
) -> Iterator[RecordingWindows]:
    """Run the windows of recordings in batches that are full except for the very last.

    While the network runs on a batch the next one is read. Segments share a batch if they are
    equally long.

    Args:
        recordings: taken one by one, when all windows of those before are in a batch.
        backend: any form of a detector's network.
        batch_size: windows computed at once.
        advance: called with the recordings, in fractions, and the seconds of EEG of each batch.

    Yields:
        each recording, in order, when all its windows are in.

    Raises:
        NonFiniteOutput: the network gave NaN or infinity.
    """
    pending: list[Member] = []
    unfinished: deque[RecordingWindows] = deque()
    with ThreadPoolExecutor(1) as reader:
        for recording in recordings:
            unfinished.append(recording)
            for batch in _read_ahead(_filled(pending, recording, batch_size), reader):
                advance(*_run(batch, backend))
                yield from _finished(unfinished)
            yield from _finished(unfinished)
    if pending:
        advance(*_run(Batch.read(pending), backend))
    yield from _finished(unfinished)


def run_window(backend: Backend, window: WindowEeg, length: int, name: str) -> NDArray[np.float32]:
    """Compute the probability of each sample of one window, `(samples,)`.

    Args:
        window: without the batch's axis; one shorter than `length` is padded for the network.
        name: what an error calls it.

    Raises:
        NonFiniteOutput: the network gave NaN or infinity.
    """
    n_samples = window.eeg.shape[1]
    if not window.observed.any():
        return np.zeros(n_samples, dtype=np.float32)
    eeg, _ = read_window(window.eeg, np.array([0, n_samples]), length)
    return checked(backend(window._replace(eeg=eeg).repeated(1)), lambda _: name)[0, :n_samples]


def checked(probability: NDArray[np.float32], name: Callable[[int], str]) -> NDArray[np.float32]:
    """Return a batch's output, `(batch, samples)`, if all of it is finite.

    Args:
        name: what an error calls a window, by its number in the batch.

    Raises:
        NonFiniteOutput: the network gave NaN or infinity.
    """
    finite = np.isfinite(probability).all(axis=1)
    if not finite.all():
        n_bad = int(np.count_nonzero(~finite))
        others = f" and {n_bad - 1} other windows of the batch" if n_bad > 1 else ""
        raise NonFiniteOutput(
            "a probability for every sample",
            f"NaN or infinity in {name(int(np.argmin(finite)))}{others}",
            "The weights or the EEG are damaged: try an earlier checkpoint, or precision=fp32.",
        )
    return probability


def _filled(
    pending: list[Member], recording: RecordingWindows, batch_size: int
) -> Iterator[list[Member]]:
    """Yield each batch that a recording's windows fill; the rest stays in `pending`."""
    for number in recording.windows():
        length = recording.length(number)
        # Lengths cannot be mixed in one array, and padding to the longest would change what the
        # network sees of the others.
        if pending and pending[0][0].length(pending[0][1]) != length:
            yield pending.copy()
            pending.clear()
        pending.append((recording, number))
        # A segment counts as the windows it is as long as.
        if len(pending) >= batch_size * recording.windowing.length // length:
            yield pending.copy()
            pending.clear()


def _read_ahead(batches: Iterator[list[Member]], reader: ThreadPoolExecutor) -> Iterator[Batch]:
    """Yield each batch, while the next one of the same recording is read."""
    ahead: deque[Future[Batch]] = deque()
    for members in batches:
        ahead.append(reader.submit(Batch.read, members))
        # One ahead is enough to hide the reading; more would only hold memory.
        if len(ahead) > 1:
            yield ahead.popleft().result()
    yield from (future.result() for future in ahead)


def _run(batch: Batch, backend: Callable[[Batch], NDArray[np.float32]]) -> tuple[float, float]:
    """Run one batch; return the recordings and the seconds of EEG that it stands for."""

    def name(place: int) -> str:
        recording, number = batch.members[place]
        start_s = recording.spans[number, 0] / recording.windowing.rate_hz
        return f"{recording.prepared.name}, the window at {start_s:g} s"

    values = checked(backend(batch), name)
    for (recording, number), probability in zip(batch.members, values, strict=True):
        recording.put(number, probability)
    fractions = [1.0 / len(recording.spans) for recording, _ in batch.members]
    lengths_s = [
        recording.prepared.eeg.shape[1] / recording.windowing.rate_hz
        for recording, _ in batch.members
    ]
    return sum(fractions), float(np.dot(fractions, lengths_s))


def _finished(unfinished: deque[RecordingWindows]) -> Iterator[RecordingWindows]:
    # In order: a short recording that is done waits for the longer one before it, whose last
    # windows share a batch with it.
    while unfinished and unfinished[0].n_left == 0:
        yield unfinished.popleft()
