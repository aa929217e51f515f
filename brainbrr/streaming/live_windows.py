"""The newest window of a stream, scored every few seconds and stitched like a recording's."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing
from brainbrr.inference.rollout import run_window
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.robust_scale import N_STEPS, robust_scale
from brainbrr.signal.window_eeg import Backend, WindowEeg
from brainbrr.signal.windows import Stitcher
from brainbrr.streaming.live_preparation import PreparedChunk

Values = NDArray[np.float32]


class RunningScale:
    """Robust center and spread of each electrode over all that has arrived of it so far.

    A prepared recording is scaled by the median and interquartile range over all of it. A stream
    takes them over what has come so far, and leaves out what an electrode gave while it was bad.
    Memory: counts of each 0.1-uV step, `(19, 2**16)`, ten megabytes however long the stream lasts.
    """

    def __init__(self) -> None:
        self._counts = np.zeros((N_ELECTRODES, N_STEPS), dtype=np.int64)

    def add(self, chunk: PreparedChunk) -> None:
        """Count the samples of a chunk's usable electrodes."""
        rows = np.flatnonzero(chunk.observed)
        steps = chunk.eeg[rows].astype(np.int64) + N_STEPS // 2
        np.add.at(self._counts, (rows[:, None], steps), 1)

    def read(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return center and spread in microvolts, each `(19,)`."""
        scales = np.array([robust_scale(row) for row in self._counts], dtype=np.float32)
        return scales[:, 0], scales[:, 1]


@dataclass(frozen=True)
class WindowScore:
    """What one scored window adds.

    Attributes:
        fixed: probabilities that no later window will change, directly after those before.
        provisional: probabilities of what follows them, up to the newest sample.
        n_electrodes: electrodes that are usable in the window.
    """

    fixed: Values
    provisional: Values
    n_electrodes: int


class LiveWindows:
    """Windows over one unbroken run of prepared signal.

    A window ends every stride. Until there is a first full one, the run so far is scored as a short
    recording would be; that score is provisional. Memory: one window of signal and two values for
    each sample that is not fixed yet.

    Args:
        windowing: the detector's, with the stride of the stream.
        settle: samples before the newest one at which a probability is fixed; with a window's
            length, no later window reaches it, wherever the signal ends.
        backend: the network.
        scale: continues from run to run.

    Attributes:
        n_in: samples of the run so far.
        n_scored: samples of it up to the end of the newest window.
    """

    def __init__(
        self, windowing: Windowing, settle: int, backend: Backend, scale: RunningScale
    ) -> None:
        self._windowing, self._settle = windowing, settle
        self._backend, self._scale = backend, scale
        self._eeg = np.empty((N_ELECTRODES, 0), dtype=np.int16)
        self._observed = np.empty((N_ELECTRODES, 0), dtype=bool)
        self._stitcher = Stitcher(0, windowing.length)
        self.n_in = self.n_scored = 0

    def push(self, chunk: PreparedChunk) -> list[WindowScore]:
        """Take in the next chunk; return a score for each window that it completes."""
        scores = []
        while (n_samples := chunk.eeg.shape[1]) > 0:
            n_missing = self._next_end() - self.n_in
            self._append(PreparedChunk(chunk.eeg[:, :n_missing], chunk.observed))
            if n_samples >= n_missing:
                scores.append(self._score())
            chunk = PreparedChunk(chunk.eeg[:, n_missing:], chunk.observed)
        return scores

    def finish(self) -> WindowScore:
        """End the run: a last window ends with it, and everything is fixed."""
        n_electrodes = 0
        if self.n_in > self.n_scored or self.n_in < self._windowing.length:
            probability, n_electrodes = self._probability()
            self._stitch(probability)
        return WindowScore(
            _clipped(self._stitcher.take(self.n_in)), _clipped(self._stitcher.mean()), n_electrodes
        )

    @property
    def n_held(self) -> int:
        """Samples of the newest window: a full one, or the run if that is shorter."""
        return self._eeg.shape[1]

    def newest(self) -> WindowEeg:
        """Return the newest window."""
        n_bad = (~self._observed).sum(axis=1)
        observed = self._observed.any(axis=1)
        observed &= n_bad <= self._windowing.max_bad_fraction * self.n_held
        return WindowEeg(self._eeg, observed, *self._windowing.scaling(*self._scale.read()))

    def _next_end(self) -> int:
        """Return where the next window ends: a stride further, the first full one at its length."""
        windowing = self._windowing
        due = self.n_scored + windowing.stride
        return min(due, windowing.length) if self.n_scored < windowing.length else due

    def _append(self, chunk: PreparedChunk) -> None:
        self._scale.add(chunk)
        n_samples = chunk.eeg.shape[1]
        n_keep = self._windowing.length - n_samples
        held = slice(max(self._eeg.shape[1] - n_keep, 0), None)
        observed = np.repeat(chunk.observed[:, None], n_samples, axis=1)
        self._eeg = np.concatenate([self._eeg[:, held], chunk.eeg], axis=1)
        self._observed = np.concatenate([self._observed[:, held], observed], axis=1)
        self.n_in += n_samples

    def _score(self) -> WindowScore:
        probability, n_electrodes = self._probability()
        self.n_scored = self.n_in
        if self.n_in < self._windowing.length:
            return WindowScore(probability[:0], probability, n_electrodes)
        self._stitch(probability)
        fixed = _clipped(self._stitcher.take(self.n_in - self._settle))
        return WindowScore(fixed, _clipped(self._stitcher.mean()), n_electrodes)

    def _probability(self) -> tuple[Values, int]:
        """Score the newest window, or the run if it is shorter."""
        window = self.newest()
        name = f"the stream, {self.n_in / self._windowing.rate_hz:g} s after it began or had a gap"
        probability = run_window(self._backend, window, self._windowing.length, name)
        return probability, int(window.observed.sum())

    def _stitch(self, probability: Values) -> None:
        """Put a window that ends at the newest sample on the timeline."""
        self._stitcher.grow(self.n_in)
        self._stitcher.add(probability, np.array([self.n_in - probability.size, self.n_in]))


def _clipped(probability: Values) -> Values:
    return np.asarray(probability.clip(0.0, 1.0))
