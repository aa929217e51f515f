"""Write a folder of EDF files anew, each divided by its own scale, to compare scales in training.

    python experiments/base/rescale.py FOLDER OUTPUT low_quantile
    python experiments/base/rescale.py FOLDER OUTPUT causal

The scale is measured in segments of 2 s: the median over electrodes of the normalized interquartile
range of the prepared EEG. `low_quantile` divides a recording by its 20th percentile; `causal` by
its geometric mean so far with a time constant of 60 s, which starts at 15 uV. A scale of 15 uV
becomes 1, so that `signal.windowing.scale_uv=15` changes nothing more. Other files are copied.
"""

import argparse
import logging
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import edfio
import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.preparation import Preparation, prepare
from brainbrr.data.recordings.read import read_recording
from brainbrr.errors import BrainbrrError
from brainbrr.signal.robust_scale import IQR_OF_NORMAL

SEGMENT_S = 2.0
TIME_CONSTANT_S = 60.0
TARGET_UV = 15.0


def segment_scales_uv(path: Path) -> NDArray[np.float64]:
    """Measure the scale of each segment of 2 s."""
    preparation = Preparation()
    signal, eeg_uv = prepare(read_recording(path), preparation)
    length = min(round(SEGMENT_S * preparation.rate_hz), eeg_uv.shape[1])
    n_segments = eeg_uv.shape[1] // length
    segments = eeg_uv[np.array(signal.observed), : n_segments * length].reshape(
        -1, n_segments, length
    )
    low, high = np.quantile(segments, [0.25, 0.75], axis=-1)
    return np.maximum(np.median(high - low, axis=0) / IQR_OF_NORMAL, 0.5)


def gains(scales_uv: NDArray[np.float64], method: str) -> NDArray[np.float64]:
    """Return the factor of each segment."""
    if method == "low_quantile":
        return np.full_like(scales_uv, TARGET_UV / np.quantile(scales_uv, 0.2))
    share, mean, factors = SEGMENT_S / TIME_CONSTANT_S, np.log(TARGET_UV), []
    for value in np.log(scales_uv):
        mean += share * (value - mean)
        factors.append(TARGET_UV / np.exp(mean))
    return np.array(factors)


def rescale(source: Path, root: Path, output: Path, method: str) -> None:
    """Write one file anew; a recording that cannot be prepared is left out."""
    target = output / source.relative_to(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix != ".edf":
        shutil.copyfile(source, target)
        return
    try:
        factors = gains(segment_scales_uv(source), method)
    except BrainbrrError as error:
        logging.warning("%s: %s", source.name, error)
        return
    edf = edfio.read_edf(source)
    middles_s = (np.arange(factors.size) + 0.5) * SEGMENT_S
    signals = []
    for channel in edf.signals:
        times_s = np.arange(channel.data.size) / channel.sampling_frequency
        changed = channel.data * np.interp(times_s, middles_s, factors)
        signals.append(
            edfio.EdfSignal(
                changed, channel.sampling_frequency, label=channel.label,
                physical_dimension=channel.physical_dimension,
            )
        )  # fmt: skip
    edfio.Edf(signals, data_record_duration=edf.data_record_duration).write(target)


def main() -> None:
    """Parse the command line and write every file of the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("method", choices=["low_quantile", "causal"])
    given = parser.parse_args()
    files = [path for path in sorted(given.folder.rglob("*")) if path.is_file()]
    change = partial(rescale, root=given.folder, output=given.output, method=given.method)
    with ProcessPoolExecutor(2) as workers:
        list(workers.map(change, files, chunksize=8))


if __name__ == "__main__":
    main()
