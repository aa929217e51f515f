"""One unbroken stretch of arriving EEG on its way to 19 electrodes at one rate."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.signal.causal_resampling import CausalResampler
from brainbrr.signal.filters import FixedLagFilter, design_filter
from brainbrr.signal.quality import Codes, judge
from brainbrr.signal.quantization import quantize
from brainbrr.signal.resampling import rate_ratio
from brainbrr.streaming.live_quality import GuardedCodes, RunningMontage, Weights

Raw = NDArray[np.float32]

LOOK_AHEAD_S = 5.5
"""Of the filter. What it leaves out of the backward pass has decayed to 0.2 % by then."""


@dataclass(frozen=True)
class Piece:
    """A stretch of prepared signal.

    Attributes:
        eeg: `(19, samples)`, 0.1 uV a step.
        present: `(19,)` which electrodes can be believed in it.
    """

    eeg: NDArray[np.int16]
    present: NDArray[np.bool_]


class LiveRun:
    """Epochs of channels in, prepared pieces out, from where the signal began to where it ends.

    Each epoch is judged, resampled and filtered as it comes; it becomes electrodes when the epochs
    beside it, which can taint it, are judged too, and the filter has looked ahead.

    Args:
        montage: goes on from run to run.
        rate_hz: samples a second of the source.
        preparation: the detector's numbers.
        mains_hz: frequency to notch, or None.
        n_channels: rows of each epoch.
    """

    def __init__(
        self,
        montage: RunningMontage,
        rate_hz: float,
        preparation: Preparation,
        mains_hz: float | None,
        n_channels: int,
    ) -> None:
        self._montage = montage
        self._source_hz, self._rate_hz = rate_hz, preparation.rate_hz
        self._limits, self._mains_hz = preparation.quality, mains_hz
        self._resampler = CausalResampler(rate_ratio(rate_hz, preparation.rate_hz), n_channels)
        sections = design_filter(
            preparation.rate_hz,
            preparation.low_hz,
            preparation.high_hz,
            order=preparation.filter_order,
            mains_hz=mains_hz,
            notch_q=preparation.notch_q,
        )
        lag = round(LOOK_AHEAD_S * preparation.rate_hz)
        self._filter = FixedLagFilter(sections, n_channels, lag)
        self._guarded = GuardedCodes(preparation.quality.guard_epochs)
        self._last = np.empty((n_channels, 0), dtype=np.float32)
        self._lengths: deque[int] = deque()
        self._planned: deque[tuple[int, Weights]] = deque()
        self._n_in = self._n_planned = self._n_out = 0

    def push(self, epoch: Raw) -> list[Piece]:
        """The next `(channels, samples)` of one epoch; the pieces that are ready now."""
        self._filter.push(self._resampled(epoch))
        self._lengths.append(epoch.shape[1])
        self._plan(self._guarded.push(self._judge(epoch)))
        self._last = epoch
        return self._ready()

    def finish(self, rest: Raw) -> list[Piece]:
        """The last `(channels, samples)`, less than an epoch, and all pieces that are left.

        The rest is judged together with the epoch before it, as at the end of a recording.
        """
        if rest.shape[1]:
            self._filter.push(self._resampled(rest))
            joined = np.concatenate([self._last, rest], axis=1)
            if self._guarded.revise(self._judge(joined)):
                self._lengths[-1] += rest.shape[1]
            else:
                self._lengths.append(rest.shape[1])
                self._plan(self._guarded.push(self._judge(rest)))
        self._plan(self._guarded.finish())
        self._filter.push(self._resampler.finish(self._place(self._n_in)))
        return self._ready(ended=True)

    def _resampled(self, raw: Raw) -> NDArray[np.float64]:
        self._n_in += raw.shape[1]
        return self._resampler.push(raw.astype(np.float64))

    def _judge(self, raw: Raw) -> Codes:
        return judge(raw[:, None], self._source_hz, self._mains_hz, self._limits)[:, 0]

    def _place(self, n_source: int) -> int:
        return round(n_source / self._source_hz * self._rate_hz)

    def _plan(self, verdicts: list[Codes]) -> None:
        for codes in verdicts:
            self._n_planned += self._lengths.popleft()
            self._planned.append((self._place(self._n_planned), self._montage.weights(codes)))

    def _ready(self, *, ended: bool = False) -> list[Piece]:
        """What is both planned and filtered, as electrodes."""
        pieces = []
        while self._planned and self._filter.ready(self._planned[0][0] - self._n_out, ended=ended):
            stop, (weights, present) = self._planned.popleft()
            channels = self._filter.take(stop - self._n_out)
            self._n_out = stop
            electrodes: NDArray[np.float32] = (weights @ channels).astype(np.float32)
            pieces.append(Piece(quantize(electrodes), present))
        return pieces
