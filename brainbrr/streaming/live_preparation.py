"""EEG as it arrives, brought to 19 electrodes at one rate with a look ahead of seconds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.preparation import ImplausibleAmplitude, Preparation
from brainbrr.signal.causal_resampling import CausalResampler
from brainbrr.signal.labels import derivations
from brainbrr.signal.mains import find_mains
from brainbrr.signal.montage import useful_channels
from brainbrr.signal.quality import GOOD, judge
from brainbrr.signal.resampling import rate_ratio
from brainbrr.streaming.live_quality import RunningMontage
from brainbrr.streaming.live_run import LOOK_AHEAD_S, LiveRun, Piece, Raw

MAINS_S = 30.0
"""Seconds at the beginning in which the mains frequency is looked for, where it is not given."""
QUALITY_MEMORY_S = 600.0
"""Seconds over which a channel's share of bad time is counted."""
_N_JUDGED = 15


class LivePreparation:
    """Blocks of channels in, prepared pieces out; a piece is an epoch of the quality check.

    Everything is computed on whole epochs, so that the numbers do not depend on how the signal was
    cut into blocks, to the bit.

    Args:
        labels: one a channel.
        rate_hz: samples a second of the source.
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
        """Seconds by which a sample is prepared at the latest, once the mains are known."""
        reach = CausalResampler(rate_ratio(self._rate_hz, self._preparation.rate_hz), 0).reach + 2
        n_filter = round(LOOK_AHEAD_S * self._rate_hz) + reach
        n_ahead = max(self._preparation.quality.guard_epochs * self.n_epoch, n_filter)
        return (1 - -n_ahead // self.n_epoch) * self.n_epoch / self._rate_hz

    @property
    def settling_s(self) -> float:
        """Seconds at the beginning that are held back until the mains are known."""
        return 0.0 if self._mains_known else MAINS_S

    def push(self, block: Raw) -> list[Piece]:
        """The next `(channels, samples)` in microvolts, directly behind those before.

        Raises:
            ImplausibleAmplitude: in the first good epochs, where a wrong unit shows.
        """
        self._raw = np.concatenate([self._raw, block[self._rows]], axis=1)
        n_whole = self._raw.shape[1] // self.n_epoch * self.n_epoch
        whole, self._raw = self._raw[:, :n_whole], self._raw[:, n_whole:].copy()
        pieces: list[Piece] = []
        for first in range(0, n_whole, self.n_epoch):
            pieces += self._take(whole[:, first : first + self.n_epoch].copy())
        return pieces

    def end_run(self) -> list[Piece]:
        """The signal breaks off: what is left of it, to its last sample."""
        rest, self._raw = self._raw, self._raw[:, :0]
        pieces = self._begin([*self._held, rest]) if self._run is None else []
        pieces += self._run.finish(rest) if self._run is not None else []
        self._run = None
        return pieces

    def _take(self, epoch: NDArray[np.float32]) -> list[Piece]:
        self._check_amplitude(epoch)
        if self._run is not None:
            return self._run.push(epoch)
        self._held.append(epoch)
        if not self._mains_known and len(self._held) * self.n_epoch < MAINS_S * self._rate_hz:
            return []
        pieces = self._begin(self._held)
        self._mains_known = True
        return pieces

    def _begin(self, seen: list[Raw]) -> list[Piece]:
        """Start a run with what was held back; a run too short to tell leaves the mains open."""
        signal = np.concatenate(seen, axis=1)
        if not signal.shape[1]:
            return []
        if not self._mains_known:
            self._mains_hz = find_mains([signal], self._rate_hz)
        held, self._held = self._held, []
        self._run = LiveRun(
            self._montage, self._rate_hz, self._preparation, self._mains_hz, len(self._rows)
        )
        return [piece for epoch in held for piece in self._run.push(epoch)]

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
