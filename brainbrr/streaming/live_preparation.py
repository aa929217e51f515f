"""EEG as it arrives, brought to 19 electrodes at one rate with a look-ahead of seconds.

LivePreparation: blocks -> epochs; mains frequency, wrong units
  LiveRun: one unbroken run; each epoch judged, resampled, filtered, combined to electrodes
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.preparation import ImplausibleAmplitude, Preparation
from brainbrr.signal.causal_resampling import CausalResampler
from brainbrr.signal.filters import FixedLagFilter, design_filter
from brainbrr.signal.labels import derivations
from brainbrr.signal.mains import find_mains
from brainbrr.signal.montage import useful_channels
from brainbrr.signal.quality import GOOD, Codes, judge
from brainbrr.signal.quantization import quantize
from brainbrr.signal.resampling import rate_ratio
from brainbrr.streaming.live_quality import GuardedCodes, RunningMontage, Weights

Raw = NDArray[np.float32]

MAINS_S = 30.0
"""Seconds at the beginning in which the mains frequency is looked for, if it is not given."""
QUALITY_MEMORY_S = 600.0
"""Seconds over which a channel's fraction of bad time is counted."""
_N_JUDGED = 15
LOOK_AHEAD_S = 5.5
"""Seconds that the filter looks ahead; what its backward pass leaves out has decayed to 0.2 %."""


@dataclass(frozen=True)
class PreparedChunk:
    """A span of prepared signal.

    Attributes:
        eeg: int16 `(19, samples)`, steps of 0.1 uV.
        observed: `(19,)`, which electrodes are usable in it.
    """

    eeg: NDArray[np.int16]
    observed: NDArray[np.bool_]


class LiveRun:
    """Epochs of channels in, prepared chunks out, over one unbroken run.

    Each epoch is judged, resampled and filtered as it comes; it becomes electrodes when its
    neighbors, which can taint it, are judged too, and the filter has looked ahead.

    Args:
        montage: continues from run to run.
        rate_hz: samples per second of the source.
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

    def push(self, epoch: Raw) -> list[PreparedChunk]:
        """Take in `(channels, samples)` of one epoch; return the chunks that are ready now."""
        self._filter.push(self._resampled(epoch))
        self._lengths.append(epoch.shape[1])
        self._plan(self._guarded.push(self._judge(epoch)))
        self._last = epoch
        return self._ready()

    def finish(self, rest: Raw) -> list[PreparedChunk]:
        """Take in the last `(channels, samples)`, less than an epoch; return all chunks left.

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
        self._filter.push(self._resampler.finish(self._position(self._n_in)))
        return self._ready(ended=True)

    def _resampled(self, raw: Raw) -> NDArray[np.float64]:
        self._n_in += raw.shape[1]
        return self._resampler.push(raw.astype(np.float64))

    def _judge(self, raw: Raw) -> Codes:
        return judge(raw[:, None], self._source_hz, self._mains_hz, self._limits)[:, 0]

    def _position(self, n_source: int) -> int:
        return round(n_source / self._source_hz * self._rate_hz)

    def _plan(self, verdicts: list[Codes]) -> None:
        for codes in verdicts:
            self._n_planned += self._lengths.popleft()
            self._planned.append((self._position(self._n_planned), self._montage.weights(codes)))

    def _ready(self, *, ended: bool = False) -> list[PreparedChunk]:
        """Return what is both planned and filtered, as electrodes."""
        chunks = []
        while self._planned and self._filter.ready(self._planned[0][0] - self._n_out, ended=ended):
            stop, (weights, observed) = self._planned.popleft()
            channels = self._filter.take(stop - self._n_out)
            self._n_out = stop
            electrodes: NDArray[np.float32] = (weights @ channels).astype(np.float32)
            chunks.append(PreparedChunk(quantize(electrodes), observed))
        return chunks


class LivePreparation:
    """Blocks of channels in, prepared chunks out; a chunk is an epoch of the quality check.

    Everything is computed on full epochs, so that not a bit of the numbers depends on how the
    signal was cut into blocks.

    Args:
        labels: one per channel.
        rate_hz: samples per second of the source.
        preparation: the detector's numbers.

    Raises:
        MissingElectrodes: the labels do not give enough electrodes.
    """

    def __init__(self, labels: Sequence[str], rate_hz: float, preparation: Preparation) -> None:
        named = derivations(labels)
        limits = preparation.quality
        self._rows = np.flatnonzero(useful_channels(named))
        self._rate_hz = rate_hz
        self._preparation = preparation
        self._montage = RunningMontage(
            [named[i] for i in self._rows],
            preparation,
            n_history=max(round(QUALITY_MEMORY_S / limits.epoch_s), 1),
        )
        self.n_epoch = max(int(limits.epoch_s * rate_hz), 2)
        mains = preparation.mains
        self._mains_hz = None if mains is None or isinstance(mains, str) else float(mains)
        self._mains_known = mains != "auto"
        self._raw = np.empty((len(self._rows), 0), dtype=np.float32)
        self._held: list[Raw] = []
        self._spreads: list[float] = []
        self._run: LiveRun | None = None

    @property
    def latency_s(self) -> float:
        """Longest delay in seconds until a sample is prepared, once the mains are known."""
        reach = CausalResampler(rate_ratio(self._rate_hz, self._preparation.rate_hz), 0).reach + 2
        n_filter = round(LOOK_AHEAD_S * self._rate_hz) + reach
        n_ahead = max(self._preparation.quality.guard_epochs * self.n_epoch, n_filter)
        return (1 - -n_ahead // self.n_epoch) * self.n_epoch / self._rate_hz

    @property
    def settling_s(self) -> float:
        """Seconds at the beginning that are held back until the mains are known."""
        return 0.0 if self._mains_known else MAINS_S

    def push(self, block: Raw) -> list[PreparedChunk]:
        """Take in the next `(channels, samples)` in microvolts, directly after those before.

        Raises:
            ImplausibleAmplitude: in the first good epochs, which reveal a wrong unit.
        """
        self._raw = np.concatenate([self._raw, block[self._rows]], axis=1)
        n_whole = self._raw.shape[1] // self.n_epoch * self.n_epoch
        whole, self._raw = self._raw[:, :n_whole], self._raw[:, n_whole:].copy()
        chunks: list[PreparedChunk] = []
        for first in range(0, n_whole, self.n_epoch):
            chunks += self._take(whole[:, first : first + self.n_epoch].copy())
        return chunks

    def end_run(self) -> list[PreparedChunk]:
        """End the run: return what is left of it, to its last sample."""
        rest, self._raw = self._raw, self._raw[:, :0]
        chunks = self._begin([*self._held, rest]) if self._run is None else []
        chunks += self._run.finish(rest) if self._run is not None else []
        self._run = None
        return chunks

    def _take(self, epoch: NDArray[np.float32]) -> list[PreparedChunk]:
        self._check_amplitude(epoch)
        if self._run is not None:
            return self._run.push(epoch)
        self._held.append(epoch)
        if not self._mains_known and len(self._held) * self.n_epoch < MAINS_S * self._rate_hz:
            return []
        chunks = self._begin(self._held)
        self._mains_known = True
        return chunks

    def _begin(self, held_back: list[Raw]) -> list[PreparedChunk]:
        """Start a run with what was held back; if it is too short, the mains stay unknown."""
        signal = np.concatenate(held_back, axis=1)
        if not signal.shape[1]:
            return []
        if not self._mains_known:
            self._mains_hz = find_mains([signal], self._rate_hz)
        held, self._held = self._held, []
        self._run = LiveRun(
            self._montage, self._rate_hz, self._preparation, self._mains_hz, len(self._rows)
        )
        return [chunk for epoch in held for chunk in self._run.push(epoch)]

    def _check_amplitude(self, epoch: Raw) -> None:
        """Refuse a signal whose first good epochs are far larger or smaller than any EEG."""
        limits = self._preparation
        if len(self._spreads) >= _N_JUDGED:
            return
        good = judge(epoch[:, None], self._rate_hz, None, limits.quality)[:, 0] == GOOD
        if not good.any():
            return
        spreads = [*self._spreads, float(np.median(epoch[good].std(axis=1)))]
        typical_uv = float(np.median(spreads))
        plausible = limits.min_spread_uv <= typical_uv <= limits.max_spread_uv
        if len(spreads) == _N_JUDGED and not plausible:
            raise ImplausibleAmplitude(
                f"a spread of {limits.min_spread_uv:g} to {limits.max_spread_uv:g} uV",
                f"{typical_uv:.3g} uV",
                "Name the unit of the channels with unit=.",
            )
        self._spreads = spreads
