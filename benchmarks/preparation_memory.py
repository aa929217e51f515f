"""Peak memory of preparing a day of EEG: 24 h, 24 channels, 512 Hz, a file of 2.1 GB.

    python benchmarks/preparation_memory.py [HOURS]

The file repeats one minute of noise, so that writing it takes seconds. Prints the peak resident
memory of the process.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from brainbrr.data.preparation.preparation import Preparation, prepare_file
from brainbrr.signal.electrodes import ELECTRODES

RATE_HZ = 512
LABELS = [f"EEG {name}-REF" for name in (*ELECTRODES, "A1", "A2", "T1", "T2")] + ["EKG"]


def header(n_records: int) -> bytes:
    n = len(LABELS)
    widths = (8, 80, 80, 8, 8, 8, 44, 8, 8, 4)
    fixed = ("0", "", "", "01.01.01", "00.00.00", 256 * (n + 1), "", n_records, 1, n)
    text = "".join(f"{value:<{width}}" for value, width in zip(fixed, widths, strict=True))
    text += "".join(f"{label:<16}" for label in LABELS) + " " * 80 * n
    for value in ("uV", "-3276.8", "3276.7", "-32768", "32767"):
        text += f"{value:<8}" * n
    return (text + " " * 80 * n + f"{RATE_HZ:<8}" * n + " " * 32 * n).encode("ascii")


def write_day(path: Path, hours: float) -> None:
    minute = np.random.default_rng(0).standard_normal((60, len(LABELS) * RATE_HZ)) * 300
    content = minute.astype("<i2").tobytes()
    n_minutes = int(hours * 60)
    with path.open("wb") as file:
        file.write(header(60 * n_minutes))
        for _ in range(n_minutes):
            file.write(content)


def main(hours: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.edf"
        write_day(path, hours)
        started_s = time.process_time()
        prepare_file(path, Preparation(), path.with_suffix(".npy"))
        taken_s = time.process_time() - started_s
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        size_gb = path.stat().st_size / 1e9
        print(
            f"{hours:g} h, {size_gb:.2f} GB: peak {peak_gb:.2f} GiB, {taken_s:.0f} s of processor"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 24.0)
