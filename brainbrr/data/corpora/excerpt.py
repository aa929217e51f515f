"""A stretch of a prepared recording, to be looked at."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.corpora.cache import open_signal
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.signal.quantization import dequantize


def read_excerpt(
    row: ManifestRow, cache_folder: str | Path, start_s: float, stop_s: float
) -> NDArray[np.float32]:
    """Prepared microvolts `(19, samples)` from `start_s` to `stop_s`.

    NaN where an electrode is absent and where the recording has a gap.

    Args:
        row: the recording in its manifest.
        cache_folder: where the manifest and the prepared signals lie.

    Raises:
        StaleCache: the prepared signal is not the one the manifest names.
    """
    signal = open_signal(row, Path(cache_folder))
    rate_hz = signal.shape[1] / row.duration_s
    first, last = (max(round(seconds * rate_hz), 0) for seconds in (start_s, stop_s))
    eeg_uv = dequantize(signal[:, first:last])
    eeg_uv[~row.observed_mask] = np.nan
    for onset_s, offset_s in row.gaps:
        low, high = (max(round(edge * rate_hz) - first, 0) for edge in (onset_s, offset_s))
        eeg_uv[:, low:high] = np.nan
    return eeg_uv
