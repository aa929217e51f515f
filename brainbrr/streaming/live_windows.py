"""The newest window of a stream, scored every few seconds and stitched like a recording's."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.windows import taper_weights
from brainbrr.streaming.live_run import Piece
from brainbrr.streaming.running_scale import RunningScale

Values = NDArray[np.float32]

ScoreWindow = Callable[[NDArray[np.int16], NDArray[np.bool_], Values, Values], Values]
"""`(eeg (19, samples), observed (19,), center_uv (19,), scale_uv (19,))` to probability
`(samples,)`."""


@dataclass(frozen=True)
class Look:
    """What one scored window says.

    Attributes:
        fixed: probabilities that no later window will change, directly behind those before.
        provisional: probabilities of what follows them, up to the newest sample.
        n_electrodes: electrodes that could be believed in the window.
    """

    fixed: Values
    provisional: Values
    n_electrodes: int


class LiveWindows:
    """Windows over one unbroken run of prepared signal.

    A window ends every stride. Until a first whole one is there, the run so far is scored as a
    short recording would be; what that says is provisional. Memory: one window of signal and two
    values for each sample that is not fixed yet.

    Args:
        windowing: the detector's, with the stride of the stream.
        settle: samples behind the newest one at which a probability is fixed; with a window's
            length, no later window reaches it, wherever the signal ends.
        score: the network.
        scale: goes on from run to run.

    Attributes:
        n_in: samples of the run so far.
        n_scored: samples of it up to the end of the newest window.
    """

    def __init__(
        self, windowing: Windowing, settle: int, score: ScoreWindow, scale: RunningScale
    ) -> None:
        self._windowing, self._settle = windowing, settle
        self._score, self._scale = score, scale
        self._taper = taper_weights(windowing.length)
        self._eeg = np.empty((N_ELECTRODES, 0), dtype=np.int16)
        self._present = np.empty((N_ELECTRODES, 0), dtype=bool)
        self._total = np.empty(0, dtype=np.float32)
        self._weight = np.empty(0, dtype=np.float32)
        self.n_in = self.n_scored = self._n_fixed = 0

    def push(self, piece: Piece) -> list[Look]:
        """The next piece; a look for each window that it completes."""
        looks = []
        while (n_samples := piece.eeg.shape[1]) > 0:
            room = self._next_end() - self.n_in
            self._append(Piece(piece.eeg[:, :room], piece.present))
            if n_samples >= room:
                looks.append(self._look())
            piece = Piece(piece.eeg[:, room:], piece.present)
        return looks

    def finish(self) -> Look:
        """The run ends: a last window ends with it, and everything is fixed."""
        n_electrodes = 0
        if self.n_in > self.n_scored or self.n_in < self._windowing.length:
            probability, n_electrodes = self._probability()
            self._add(probability)
        fixed = self._take(self.n_in)
        return Look(fixed, self._stitched(), n_electrodes)

    @property
    def n_held(self) -> int:
        """Samples of the newest window: a whole one, or the run if that is shorter."""
        return self._eeg.shape[1]

    def newest(self) -> tuple[NDArray[np.int16], NDArray[np.bool_], Values, Values]:
        """The newest window as the network is shown it: EEG, observed, centre and scale."""
        n_bad = (~self._present).sum(axis=1)
        observed = self._present.any(axis=1)
        observed &= n_bad <= self._windowing.max_bad_fraction * self.n_held
        return self._eeg, observed, *self._scale.read()

    def _next_end(self) -> int:
        """Where the next window ends: a stride on, but the first whole one a window's length on."""
        windowing = self._windowing
        due = self.n_scored + windowing.stride
        return min(due, windowing.length) if self.n_scored < windowing.length else due

    def _append(self, piece: Piece) -> None:
        self._scale.add(piece)
        n_samples = piece.eeg.shape[1]
        keep = self._windowing.length - n_samples
        held = slice(max(self._eeg.shape[1] - keep, 0), None)
        present = np.repeat(piece.present[:, None], n_samples, axis=1)
        self._eeg = np.concatenate([self._eeg[:, held], piece.eeg], axis=1)
        self._present = np.concatenate([self._present[:, held], present], axis=1)
        self.n_in += n_samples

    def _look(self) -> Look:
        probability, n_electrodes = self._probability()
        self.n_scored = self.n_in
        if self.n_in < self._windowing.length:
            return Look(probability[:0], probability, n_electrodes)
        self._add(probability)
        return Look(self._take(self.n_in - self._settle), self._stitched(), n_electrodes)

    def _probability(self) -> tuple[Values, int]:
        """Of the newest window, or of the run if shorter; 0 where there is no electrode."""
        eeg, observed, center_uv, scale_uv = self.newest()
        if not observed.any():
            return np.zeros(self.n_held, dtype=np.float32), 0
        return self._score(eeg, observed, center_uv, scale_uv), int(observed.sum())

    def _add(self, probability: Values) -> None:
        """Put a window that ends at the newest sample on the timeline."""
        n_new = self.n_in - self._n_fixed - self._total.size
        self._total = np.pad(self._total, (0, n_new))
        self._weight = np.pad(self._weight, (0, n_new))
        # With a short settling time the window begins among samples that are fixed.
        n_open = min(self._total.size, probability.size)
        taper = self._taper[: probability.size][probability.size - n_open :]
        self._total[-n_open:] += taper * probability[-n_open:]
        self._weight[-n_open:] += taper

    def _stitched(self) -> Values:
        return np.asarray((self._total / self._weight).clip(0.0, 1.0))

    def _take(self, stop: int) -> Values:
        """The probabilities up to sample `stop`, which are fixed from now on."""
        n_new = max(stop - self._n_fixed, 0)
        fixed = self._stitched()[:n_new]
        self._total, self._weight = self._total[n_new:].copy(), self._weight[n_new:].copy()
        self._n_fixed += n_new
        return fixed
