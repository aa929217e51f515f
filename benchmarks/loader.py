"""How fast windows leave the disk, and what the index of a large corpus costs.

    python benchmarks/loader.py --hours 40 --workers 0 1 2

Writes random EEG in the cache's layout, reads balanced batches through the loader, and reads the
same windows from one compressed archive a recording, which holds all its overlapping windows as
float32 (a common layout). Then the index of a corpus as large as TUSZ: its time, its memory, and
what a worker process takes for itself. Prints one JSON object; each speed is the best of the
repeats.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import WindowDataset
from brainbrr.data.windows.index import Windowing, index_windows
from brainbrr.data.windows.loader import LoaderOptions, ResumableLoader
from brainbrr.data.windows.sampler import Balance, BalancedSampler
from brainbrr.signal.electrodes import N_ELECTRODES

RATE_HZ = 256.0
RECORDING_S = 1800.0
WINDOWING = Windowing(rate_hz=RATE_HZ, window_s=60.0, stride_s=10.0)


def row(number: int, duration_s: float, n_seizures: int, seed: int = 0) -> ManifestRow:
    """A recording with seizures of a minute at random places."""
    generator = np.random.default_rng([seed, number])
    onsets_s = np.sort(generator.uniform(0, duration_s - 60, n_seizures))
    return ManifestRow(
        recording_id=f"r{number}", corpus="benchmark", subject=f"s{number}", session="",
        split="train", source="", source_sha256="", duration_s=duration_s, source_rate_hz=RATE_HZ,
        source_channels=[], observed=[True] * N_ELECTRODES, interpolated=[], reference="average",
        mains_hz=None, gaps=[], bad_spans=[], center_uv=[0.0] * N_ELECTRODES,
        scale_uv=[30.0] * N_ELECTRODES, events=[[float(on), 60.0, "sz"] for on in onsets_s],
        cache_file=f"r{number}.npy", cache_sha256="", preparation_digest="",
    )  # fmt: skip


def measure_index(n_recordings: int) -> dict[str, float]:
    """Seconds and memory of an index over recordings of 5 to 25 minutes."""
    durations_s = np.random.default_rng(0).uniform(300, 1500, n_recordings)
    rows = [row(n, float(duration_s), n % 2) for n, duration_s in enumerate(durations_s)]
    began_s = time.perf_counter()
    index = index_windows(rows, WINDOWING)
    seconds = time.perf_counter() - began_s
    tracemalloc.start()
    index = index_windows(rows, WINDOWING)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    arrays = (index.recording, index.span, index.kind, index.seizure_samples)
    return {
        "recordings": n_recordings,
        "hours": round(float(durations_s.sum()) / 3600),
        "windows": len(index),
        "seconds": round(seconds, 2),
        "index_mb": round(sum(array.nbytes for array in arrays) / 1e6, 1),
        "peak_mb": round(peak / 1e6, 1),
    }


def measure_worker(n_recordings: int) -> float | None:
    """Megabytes that a worker has written to and shares with nobody after its first batches; None
    where the system does not tell."""
    rows = [row(n, 900.0, n % 2) for n in range(n_recordings)]
    silence = np.zeros((N_ELECTRODES, round(900.0 * RATE_HZ)), dtype=np.int16)
    dataset = WindowDataset(rows, Path(), WINDOWING, open_signal=lambda row, folder: silence)
    loader = LoaderOptions(num_workers=1).loader(dataset, [[n] * 8 for n in range(0, 4000, 200)])
    batches = iter(loader)
    for _ in range(15):
        next(batches)
    (worker,) = multiprocessing.active_children()
    told = Path(f"/proc/{worker.pid}/smaps_rollup")
    if not told.exists():
        return None
    lines = told.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1e3


def measure_loader(dataset: WindowDataset, workers: int, n_batches: int) -> float:
    """Windows a second of balanced batches of 32."""
    sampler = BalancedSampler(dataset.index.kind, Balance(), seed=0, batch_size=32)
    options = LoaderOptions(batch_size=32, num_workers=workers, prefetch_factor=2)
    batches = iter(ResumableLoader(dataset, sampler, options))
    next(batches)
    began_s = time.perf_counter()
    read = sum(len(batch.eeg) for batch, _ in zip(batches, range(n_batches), strict=False))
    return read / (time.perf_counter() - began_s)


def measure_archive(folder: Path, dataset: WindowDataset) -> float:
    """Windows a second when each one means inflating its recording's archive."""
    chosen = np.flatnonzero(dataset.index.recording == 0)
    windows = np.stack([dataset[int(window)].eeg[0].numpy() for window in chosen]) * np.float32(0.1)
    np.savez_compressed(folder / "windows.npz", windows=windows)
    began_s = time.perf_counter()
    for place in range(3):
        np.load(folder / "windows.npz")["windows"][place].copy()
    return 3 / (time.perf_counter() - began_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=40.0)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--recordings", type=int, default=6500)
    options = parser.parse_args()
    found: dict[str, Any] = {"index": measure_index(options.recordings)}
    found["worker_private_mb"] = {
        f"{number} recordings": measure_worker(number) for number in (65, options.recordings)
    }
    with tempfile.TemporaryDirectory() as name:
        folder, generator = Path(name), np.random.default_rng(0)
        rows = [row(n, RECORDING_S, 6) for n in range(round(options.hours * 2))]
        for each in rows:
            shape = (N_ELECTRODES, round(each.duration_s * RATE_HZ))
            np.save(folder / each.cache_file, generator.integers(-900, 900, shape, dtype=np.int16))
        dataset = WindowDataset(rows, folder, WINDOWING)
        speeds: dict[str, float] = {}
        for workers in options.workers:
            times = [
                measure_loader(dataset, workers, options.batches) for _ in range(options.repeats)
            ]
            speeds[f"{workers} workers"] = round(max(times))
        speeds["archive a recording"] = round(measure_archive(folder, dataset), 2)
        found["windows_per_s"] = speeds
        found["hours"] = options.hours
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
