"""Windows of prepared recordings as int16 batches, straight from the memory maps."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from brainbrr.data.corpora.cache import open_signal
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.index import (
    WindowIndex,
    Windowing,
    bad_samples,
    index_windows,
    mark,
    observed_in,
    require_length,
    seizure_samples,
)
from brainbrr.events.intervals import as_intervals, clip, merge
from brainbrr.signal.electrodes import N_ELECTRODES

OpenSignal = Callable[[ManifestRow, Path], NDArray[np.int16]]
OPEN_RECORDINGS = 128
"""Memory maps that a process keeps open; each costs a file descriptor, often limited to 1,024."""


class WindowBatch(NamedTuple):
    """What the network is trained on; everything still in the units of the cache.

    Attributes:
        eeg: int16 steps of 0.1 uV, `(batch, electrodes, samples)`; zero after a short window's end.
        label: True where a seizure is, `(batch, samples)`.
        valid: True where the recording has signal, `(batch, samples)`.
        weight: how much each sample counts in the loss, float32 `(batch, samples)`.
        observed: electrodes that are usable in this window, `(batch, electrodes)`.
        center_uv, scale_uv: each electrode's robust center and scale in microvolts, float32
            `(batch, electrodes)`.
        recording: position of the recording in the list of rows, int64 `(batch,)`.
        start: first sample of the window in its recording, int64 `(batch,)`.
        window: position of the window in the index, int64 `(batch,)`.
    """

    eeg: Tensor
    label: Tensor
    valid: Tensor
    weight: Tensor
    observed: Tensor
    center_uv: Tensor
    scale_uv: Tensor
    recording: Tensor
    start: Tensor
    window: Tensor


class WeightedSpans(NamedTuple):
    """Segments of one recording whose samples count more or less than others.

    Attributes:
        samples: `(n, 2)` first and last-plus-one samples.
        weight: the factor of the loss there.
    """

    samples: NDArray[np.int64]
    weight: float


def reviewed_spans(
    rows: Sequence[ManifestRow],
    reviewed_s: Mapping[str, Sequence[tuple[float, float]]],
    *,
    weight: float,
    rate_hz: float,
) -> dict[str, WeightedSpans]:
    """Return the segments that a reviewer checked, which count more in the loss, by recording.

    Args:
        rows: the manifest; segments are cut off at a recording's ends.
        reviewed_s: onsets and offsets by recording, as `PreparedCorpus.corrected_s` holds them.
        weight: factor of the loss inside them.
        rate_hz: samples per second of the prepared signal.
    """
    durations_s = {row.recording_id: row.duration_s for row in rows}
    spans = {}
    for name, segments in reviewed_s.items():
        inside = clip(merge(as_intervals(segments)), 0.0, durations_s[name])
        spans[name] = WeightedSpans(np.rint(inside * rate_hz).astype(np.int64), weight)
    return spans


def open_mapped(row: ManifestRow, cache_folder: Path) -> NDArray[np.int16]:
    """Map the prepared signal of a recording, `(electrodes, samples)` int16.

    Its content was compared with its digest when the corpus was prepared; doing so again would read
    every file in every worker.
    """
    return open_signal(row, cache_folder, verify=False)


class WindowDataset(Dataset[WindowBatch]):
    """Windows by their number; `__getitems__` builds a batch without copying each window first.

    Args:
        rows: the recordings.
        cache_folder: where their prepared signals lie.
        windowing: how they are cut up.
        weights: segments of recordings that count more or less, by recording id.
        open_signal: maps a recording's prepared signal.
    """

    def __init__(
        self,
        rows: Sequence[ManifestRow],
        cache_folder: Path,
        windowing: Windowing,
        *,
        weights: dict[str, WeightedSpans] | None = None,
        open_signal: OpenSignal = open_mapped,
    ) -> None:
        self.rows = list(rows)
        self.cache_folder = Path(cache_folder)
        self.windowing = windowing
        self.index: WindowIndex = index_windows(self.rows, windowing)
        self._open_signal = open_signal
        self._seizures = [seizure_samples(row, windowing.rate_hz) for row in self.rows]
        self._bad = [bad_samples(row.bad_spans, windowing.rate_hz) for row in self.rows]
        self._weights = [(weights or {}).get(row.recording_id) for row in self.rows]
        shape = (-1, N_ELECTRODES)
        self._observed = np.array([row.observed for row in self.rows], dtype=bool).reshape(shape)
        self._center_uv, self._scale_uv = windowing.scaling(
            np.array([row.center_uv for row in self.rows], np.float32).reshape(shape),
            np.array([row.scale_uv for row in self.rows], np.float32).reshape(shape),
        )
        self._signals: OrderedDict[int, NDArray[np.int16]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, window: int) -> WindowBatch:
        """Read a batch of one."""
        return self.__getitems__([window])

    def __getitems__(self, windows: Sequence[int]) -> WindowBatch:
        """Read the batch of these windows, in this order."""
        chosen = np.asarray(windows, dtype=np.int64)
        recordings, spans = self.index.recording[chosen], self.index.span[chosen]
        size, length = len(chosen), self.windowing.length
        eeg = np.zeros((size, N_ELECTRODES, length), dtype=np.int16)
        label = np.zeros((size, length), dtype=bool)
        weight = np.ones((size, length), dtype=np.float32)
        observed = np.empty((size, N_ELECTRODES), dtype=bool)
        for number, (recording, span) in enumerate(zip(recordings, spans, strict=True)):
            start, stop = span
            eeg[number, :, : stop - start] = self._signal(recording)[:, start:stop]
            mark(label[number], self._seizures[recording], span, True)
            if (weighted := self._weights[recording]) is not None:
                mark(weight[number], weighted.samples, span, weighted.weight)
            observed[number] = self._usable(recording, span)
        valid = np.arange(length) < (spans[:, 1] - spans[:, 0])[:, None]
        arrays = (
            eeg, label, valid, weight, observed, self._center_uv[recordings],
            self._scale_uv[recordings],
            recordings.astype(np.int64), spans[:, 0].copy(), chosen,
        )  # fmt: skip
        return WindowBatch(*(torch.from_numpy(array) for array in arrays))

    def blind(self) -> NDArray[np.bool_]:
        """Return the windows without a usable electrode, `(windows,)`: none is trained on."""
        blind = ~np.asarray(self._observed.any(axis=1))[self.index.recording]
        for recording in (number for number, bad in enumerate(self._bad) if bad):
            windows = np.flatnonzero(self.index.recording == recording)
            usable = observed_in(
                self._observed[recording],
                self._bad[recording],
                self.index.span[windows],
                self.windowing.max_bad_fraction,
            )
            blind[windows] = ~usable.any(1)
        return blind

    def __getstate__(self) -> dict[str, object]:
        """Leave the maps out: each worker process opens its own."""
        return self.__dict__ | {"_signals": OrderedDict()}

    def _usable(self, recording: int, span: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not self._bad[recording]:
            return self._observed[recording]
        limit = self.windowing.max_bad_fraction
        return observed_in(self._observed[recording], self._bad[recording], span[None], limit)[0]

    def _signal(self, recording: int) -> NDArray[np.int16]:
        if recording in self._signals:
            self._signals.move_to_end(recording)
            return self._signals[recording]
        if len(self._signals) >= OPEN_RECORDINGS:
            self._signals.popitem(last=False)
        row = self.rows[recording]
        signal = self._open_signal(row, self.cache_folder)
        require_length(row, signal, self.windowing.rate_hz)
        self._signals[recording] = signal
        return signal


def whole_batch(batch: WindowBatch) -> WindowBatch:
    """Return the batch: the dataset has already collated it."""
    return batch
