"""Windows of many recordings in full batches, each stitched back on its recording's timeline."""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.window_index import Windowing, bad_samples, observed_in
from brainbrr.errors import BrainbrrError
from brainbrr.events.trace import Trace
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.signal.window_model import WindowModel
from brainbrr.signal.windows import Stitcher, read_window, recorded_spans, window_spans

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

    Raises:
        NothingObserved: no electrode holds signal.
        UnscaledElectrode: one that does cannot be scaled.
    """

    def __init__(self, prepared: PreparedEeg, windowing: Windowing) -> None:
        _check(prepared)
        n_samples = prepared.eeg.shape[1]
        self.prepared = prepared
        self.windowing = windowing
        self._recorded = recorded_spans(n_samples, windowing.rate_hz, prepared.gaps)
        self.spans = window_spans(self._recorded, windowing.length, windowing.stride)
        self._bad = bad_samples(prepared.bad_spans, windowing.rate_hz)
        self.observed = self._observed(self.spans)
        if not self.observed.any():
            raise _nothing("none in any window")
        self._stitcher = Stitcher(n_samples, windowing.length)
        self.n_left = len(self.spans)

    def windows(self) -> Iterator[int]:
        """Numbers of the windows to compute; those without any electrode count as probability 0."""
        blind = np.flatnonzero(~self.observed.any(axis=1))
        if len(blind):
            log.warning("%d of %d windows without any electrode: 0 there", len(blind), self.n_left)
        for number in blind:
            self.put(int(number), np.zeros(self.windowing.length, dtype=np.float32))
        yield from map(int, np.flatnonzero(self.observed.any(axis=1)))

    def window(self, number: int) -> NDArray[np.int16]:
        """The EEG of a window, `(19, length)`."""
        return self.read(self.spans[number])

    def read(self, span: NDArray[np.int64]) -> NDArray[np.int16]:
        """The EEG of any span no longer than a window, padded to `(19, length)`."""
        eeg: Any = self.prepared.eeg
        return read_window(eeg, span, self.windowing.length)[0]

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


def pack(
    rollouts: Iterable[Rollout],
    model: WindowModel,
    batch_size: int,
    advance: Callable[[float, float], None] = lambda recordings, seconds: None,
) -> Iterator[Rollout]:
    """Run the windows of recordings in batches that are full but for the very last.

    Args:
        rollouts: recordings, taken one by one when the windows of those before are all in a batch.
        model: any form of a detector's network.
        batch_size: windows computed at once.
        advance: told the recordings, in fractions, and the seconds of EEG that each batch brought.

    Yields:
        each recording, in order, when all its windows are in.
    """
    batch: list[tuple[Rollout, int]] = []
    unfinished: deque[Rollout] = deque()
    for rollout in rollouts:
        unfinished.append(rollout)
        for number in rollout.windows():
            batch.append((rollout, number))
            if len(batch) == batch_size:
                advance(*_run(batch, model))
                batch = []
                yield from _finished(unfinished)
        yield from _finished(unfinished)
    if batch:
        advance(*_run(batch, model))
    yield from _finished(unfinished)


def _run(batch: list[tuple[Rollout, int]], model: WindowModel) -> tuple[float, float]:
    """One batch through the network; the recordings and the seconds of EEG it stands for."""
    probability = model(
        np.stack([rollout.window(number) for rollout, number in batch]),
        np.stack([rollout.observed[number] for rollout, number in batch]),
        np.stack([np.float32(rollout.prepared.center_uv) for rollout, _ in batch]),
        np.stack([np.float32(rollout.prepared.scale_uv) for rollout, _ in batch]),
    )
    for (rollout, number), values in zip(batch, probability, strict=True):
        rollout.put(number, values)
    shares = [1.0 / len(rollout.spans) for rollout, _ in batch]
    lengths_s = [rollout.prepared.eeg.shape[1] / rollout.windowing.rate_hz for rollout, _ in batch]
    return sum(shares), float(np.dot(shares, lengths_s))


def _finished(unfinished: deque[Rollout]) -> Iterator[Rollout]:
    while unfinished and unfinished[0].n_left == 0:
        yield unfinished.popleft()
