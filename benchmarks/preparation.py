"""How fast a recording is prepared, beside MNE's own reading, resampling and filtering.

    python benchmarks/preparation.py [HOURS]

One process; processor time, so that a busy machine does not blur it. The better of two runs counts.
Prints seconds, hours of EEG a minute, and the ratio.
"""

import os

# One thread for both, as each worker of `brainbrr prepare` has; read when numpy loads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import edfio
import mne
import numpy as np

from brainbrr.data.preparation.preparation import Preparation, prepare_file
from brainbrr.signal.electrodes import ELECTRODES


def write_recording(path: Path, rate_hz: int, hours: float) -> None:
    generator = np.random.default_rng(rate_hz)
    n_samples = int(hours * 3600) * rate_hz
    signals = []
    for name in ELECTRODES:
        steps = generator.standard_normal(n_samples)
        eeg_uv = np.clip(20 * steps + 10 * np.sin(np.arange(n_samples) * 60 / rate_hz), -900, 900)
        signals.append(
            edfio.EdfSignal(
                eeg_uv,
                rate_hz,
                label=f"EEG {name}-REF",
                physical_dimension="uV",
                physical_range=(-3276.8, 3276.7),
            )
        )
    edfio.Edf(signals).write(path)


def with_mne(path: Path) -> None:
    raw = mne.io.read_raw_edf(path, preload=True, verbose="ERROR")
    raw.resample(256, method="polyphase", verbose="ERROR")
    raw.filter(0.5, 120, method="iir", verbose="ERROR")
    raw.notch_filter([60], method="iir", verbose="ERROR")
    raw.set_eeg_reference(verbose="ERROR")


def best_s(task: Callable[[], object]) -> float:
    taken = []
    for _ in range(2):
        started = time.process_time()
        task()
        taken.append(time.process_time() - started)
    return min(taken)


def main(hours: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for rate_hz in (256, 250, 500, 512, 1000):
            path = Path(folder) / f"{rate_hz}.edf"
            write_recording(path, rate_hz, hours)
            ours_s = best_s(
                lambda path=path: prepare_file(path, Preparation(), path.with_suffix(".npy"))
            )
            theirs_s = best_s(lambda path=path: with_mne(path))
            print(
                f"{rate_hz:5d} Hz: {ours_s:6.2f} s, {60 * hours / ours_s:5.1f} h a minute; "
                f"MNE {theirs_s:6.2f} s; {theirs_s / ours_s:.1f} times as fast"
            )
            path.unlink()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
