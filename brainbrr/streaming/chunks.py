"""Check that chunks have the channels, rate and unit that a stream was opened with."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainbrr.data.preparation.survey import NotFinite
from brainbrr.data.recordings.edf.reader import MAX_RATE_HZ, MIN_RATE_HZ
from brainbrr.data.recordings.refusals import UnitNotVoltage, UnsupportedRate
from brainbrr.errors import InvalidInput

UV_PER_UNIT = {"V": 1e6, "mV": 1e3, "uV": 1.0, "nV": 1e-3}


class ChunkValidator:
    """Checks chunks and scales them to microvolts; a refused chunk changes nothing.

    Args:
        labels: one per channel.
        rate_hz: samples per second.
        unit: of the values, one of `UV_PER_UNIT`.

    Raises:
        UnsupportedRate, UnitNotVoltage: the signal cannot be EEG.
    """

    def __init__(self, labels: Sequence[str], rate_hz: float, unit: str) -> None:
        self.labels, self.rate_hz = tuple(labels), float(rate_hz)
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise UnsupportedRate(
                f"{MIN_RATE_HZ:g} to {MAX_RATE_HZ:g} Hz", f"{rate_hz:g} Hz", "Name the true rate."
            )
        if unit not in UV_PER_UNIT:
            raise UnitNotVoltage(
                f"a unit among {' '.join(UV_PER_UNIT)}", unit, "Scale the values to one of them."
            )
        self._uv_per_step = UV_PER_UNIT[unit]

    def check(self, chunk: ArrayLike, rate_hz: float | None) -> NDArray[np.float32]:
        """Return the chunk in microvolts; samples at which every channel is NaN stay so.

        Raises:
            InvalidInput: other channels or another rate than the stream was opened with.
            NotFinite: NaN or infinity in some channels only.
        """
        eeg = np.asarray(chunk)
        if eeg.ndim != 2 or eeg.shape[0] != len(self.labels):
            raise InvalidInput(
                f"({len(self.labels)}, samples), one row for each channel",
                f"shape {eeg.shape}",
                "Open another stream for other channels.",
            )
        if rate_hz is not None and abs(rate_hz - self.rate_hz) > 1e-6 * self.rate_hz:
            raise InvalidInput(
                f"{self.rate_hz:g} Hz", f"{rate_hz:g} Hz", "Open another stream for another rate."
            )
        eeg_uv = (eeg * self._uv_per_step).astype(np.float32)
        flawed = ~np.isfinite(eeg_uv)
        if (flawed & ~np.isnan(eeg_uv).all(axis=0)).any():
            row = int(np.argmax((flawed & ~flawed.all(axis=0)).any(axis=1)))
            raise NotFinite(
                "finite samples, or NaN in every channel where nothing was recorded",
                f"NaN or infinity in {self.labels[row]}",
                "Repeat the last good value of a channel that is off: it then counts as flat.",
            )
        return eeg_uv


def recorded_parts(eeg_uv: NDArray[np.float32]) -> Iterator[tuple[bool, NDArray[np.float32]]]:
    """Split a chunk where samples of NaN begin and end: `(whether it was recorded, part)`."""
    absent = np.isnan(eeg_uv[0])
    edges = [0, *(np.flatnonzero(np.diff(absent)) + 1).tolist(), eeg_uv.shape[1]]
    for first, last in pairwise(edges):
        if last > first:
            yield not absent[first], eeg_uv[:, first:last]
