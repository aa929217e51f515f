"""Windows of many recordings in full batches, each stitched back on its recording's timeline."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing, bad_samples, observed_in
from brainbrr.errors import BrainbrrError
from brainbrr.events.trace import Trace
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.tiling import WINDOWS, row_length, rows_of
from brainbrr.signal.window_model import WindowModel
from brainbrr.signal.windows import Stitcher, read_window, recorded_spans

log = logging.getLogger(__name__)

TRACE_RATE_HZ = 16.0
"""Rate of the stitched probability that events are detected on, in validation and in use alike."""


class NothingObserved(BrainbrrError):
    """No electrode of the recording could be recovered."""


class UnscaledElectrode(BrainbrrError):
    """An electrode with signal but without a positive scale."""


class Rollout:
    """One recording on its way through the network: two values a sample and no window.

    Args:
        prepared: the recording.
        windowing: how it is cut up.
        reading: `windows`, or `encode_once` for stretches; see `brainbrr.inference.tiling`.

    Raises:
        NothingObserved: no electrode holds signal.
        UnscaledElectrode: one that does cannot be scaled.
    """

    def __init__(self, prepared: PreparedEeg, windowing: Windowing, reading: str = WINDOWS) -> None:
        _check(prepared)
        n_samples = prepared.eeg.shape[1]
        self.prepared = prepared
        self.windowing = windowing
        self._recorded = recorded_spans(n_samples, windowing.rate_hz, prepared.gaps)
        self._bad = bad_samples(prepared.bad_spans, windowing.rate_hz)
        self.spans, self.observed = rows_of(self._recorded, windowing, reading, self._observed)
        if not self.observed.any():
            raise _nothing("none in any window")
        self._stitcher = Stitcher(n_samples, windowing.length)
        self.n_left = len(self.spans)

    def windows(self) -> Iterator[int]:
        """Numbers of the windows to compute; those without any electrode count as probability 0."""
        blind = np.flatnonzero(~self.observed.any(axis=1))
        if len(blind):
            log.warning("%d of %d windows without any electrode: 0 there", len(blind), self.n_left)
        for number in map(int, blind):
            self.put(number, np.zeros(self.length(number), dtype=np.float32))
        yield from map(int, np.flatnonzero(self.observed.any(axis=1)))

    def length(self, number: int) -> int:
        """Samples of a window or stretch as the network gets it."""
        return row_length(self.spans[number], self.windowing)

    def window(self, number: int) -> NDArray[np.int16]:
        """The EEG of a window or stretch, `(19, length)`."""
        return self.read(self.spans[number])

    def read(self, span: NDArray[np.int64]) -> NDArray[np.int16]:
        """The EEG of any span, padded to a window's length at least, `(19, length)`."""
        eeg: Any = self.prepared.eeg
        return read_window(eeg, span, row_length(span, self.windowing))[0]

    def around(self, sample: int) -> NDArray[np.int64]:
        """The span of a window with a sample in its middle, moved to cross no gap."""
        holding = int(np.searchsorted(self._recorded[:, 0], sample, side="right")) - 1
        start, stop = map(int, self._recorded[max(holding, 0)])
        length = self.windowing.length
        first = max(min(sample - length // 2, stop - length), start)
        return np.array([first, min(first + length, stop)], dtype=np.int64)

    def observed_at(self, span: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which electrodes can be believed in a span, `(19,)`."""
        return self._observed(span[None])[0]

    def _observed(self, spans: NDArray[np.int64]) -> NDArray[np.bool_]:
        observed, most = self.prepared.observed, self.windowing.max_bad_fraction
        return observed_in(observed, self._bad, spans, most)

    def put(self, number: int, probability: NDArray[np.float32]) -> None:
        """Take in what a window gave."""
        self._stitcher.add(probability, self.spans[number])
        self.n_left -= 1

    def trace(self) -> Trace:
        """The recording's probability at `TRACE_RATE_HZ`, once all windows are in."""
        probability = self._stitcher.result(self._recorded)
        np.clip(probability, 0.0, 1.0, out=probability)
        prepared = self.prepared
        trace = Trace(probability, self.windowing.rate_hz, prepared.gaps, prepared.start)
        return trace.reduced(TRACE_RATE_HZ)


def _check(prepared: PreparedEeg) -> None:
    if not np.any(prepared.observed):
        raise _nothing("none")
    if not np.all(np.asarray(prepared.scale_uv)[prepared.observed] > 0):
        raise UnscaledElectrode(
            "a positive scale for each observed electrode",
            "one without",
            "Prepare the recording again, or leave the flat channel out.",
        )


def _nothing(found: str) -> NothingObserved:
    return NothingObserved(
        "at least one scalp electrode with signal",
        found,
        "Look at its channels with `brainbrr inspect`.",
    )


Batch = list[tuple[Rollout, int]]
Inputs = tuple[NDArray[np.int16], NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]


def pack(
    rollouts: Iterable[Rollout],
    model: WindowModel,
    batch_size: int,
    advance: Callable[[float, float], None] = lambda recordings, seconds: None,
) -> Iterator[Rollout]:
    """Run the windows of recordings in batches that are full but for the very last.

    While the network runs on a batch the next one is read. Stretches share a batch where they are
    equally long.

    Args:
        rollouts: recordings, taken one by one when the windows of those before are all in a batch.
        model: any form of a detector's network.
        batch_size: windows computed at once.
        advance: told the recordings, in fractions, and the seconds of EEG that each batch brought.

    Yields:
        each recording, in order, when all its windows are in.
    """
    batch: Batch = []
    unfinished: deque[Rollout] = deque()
    with ThreadPoolExecutor(1) as reader:
        for rollout in rollouts:
            unfinished.append(rollout)
            for filled, inputs in _read_ahead(_filled(batch, rollout, batch_size), reader):
                advance(*_run(filled, inputs.result(), model))
                yield from _finished(unfinished)
            yield from _finished(unfinished)
    if batch:
        advance(*_run(batch, _inputs(batch), model))
    yield from _finished(unfinished)


def _filled(batch: Batch, rollout: Rollout, batch_size: int) -> Iterator[Batch]:
    """Each batch that the windows of a recording fill; what fills none stays in `batch`."""
    for number in rollout.windows():
        length = rollout.length(number)
        if batch and batch[0][0].length(batch[0][1]) != length:
            yield batch.copy()
            batch.clear()
        batch.append((rollout, number))
        # A stretch counts as the windows it is as long as.
        if len(batch) >= batch_size * rollout.windowing.length // length:
            yield batch.copy()
            batch.clear()


def _read_ahead(
    batches: Iterator[Batch], reader: ThreadPoolExecutor
) -> Iterator[tuple[Batch, Future[Inputs]]]:
    """Each batch, while the next one of the same recording is read."""
    ahead: deque[tuple[Batch, Future[Inputs]]] = deque()
    for batch in batches:
        ahead.append((batch, reader.submit(_inputs, batch)))
        if len(ahead) > 1:
            yield ahead.popleft()
    yield from ahead


def _inputs(batch: Batch) -> Inputs:
    """What a `WindowModel` is given for a batch."""
    return (
        np.stack([rollout.window(number) for rollout, number in batch]),
        np.stack([rollout.observed[number] for rollout, number in batch]),
        np.stack([np.float32(rollout.prepared.center_uv) for rollout, _ in batch]),
        np.stack([np.float32(rollout.prepared.scale_uv) for rollout, _ in batch]),
    )


def _run(batch: Batch, inputs: Inputs, model: WindowModel) -> tuple[float, float]:
    """One batch through the network; the recordings and the seconds of EEG it stands for."""
    for (rollout, number), values in zip(batch, model(*inputs), strict=True):
        rollout.put(number, values)
    shares = [1.0 / len(rollout.spans) for rollout, _ in batch]
    lengths_s = [rollout.prepared.eeg.shape[1] / rollout.windowing.rate_hz for rollout, _ in batch]
    return sum(shares), float(np.dot(shares, lengths_s))


def _finished(unfinished: deque[Rollout]) -> Iterator[Rollout]:
    while unfinished and unfinished[0].n_left == 0:
        yield unfinished.popleft()
