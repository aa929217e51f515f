"""Where the windows of a corpus lie and which of them hold a seizure: no EEG is read for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainbrr.data.corpora.cache import StaleCache
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.events.intervals import Intervals, merge
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.windows import recorded_spans, window_spans


class Kind(IntEnum):
    """How much of a window's recorded time is seizure."""

    NONE = 0
    PARTIAL = 1
    FULL = 2


@dataclass(frozen=True)
class Windowing:
    """How recordings are cut into windows, and at which rate the stitched probability is kept.

    Attributes:
        rate_hz: samples per second of the prepared signal.
        window_s: length of a window.
        stride_s: from one window's start to the next one's.
        max_bad_fraction: an electrode counts as absent in a window of which more than this fraction
            was marked bad.
        trace_rate_hz: values per second of the probability that events are detected on.
        scale_uv: microvolts that a network reads as 1, the same for every electrode and recording;
            None for each electrode's own robust spread over its recording.
    """

    rate_hz: float
    window_s: float
    stride_s: float
    max_bad_fraction: float = 0.5
    trace_rate_hz: float = 16.0
    scale_uv: float | None = None

    def __post_init__(self) -> None:
        if not (self.rate_hz > 0 and 0 < self.stride_s <= self.window_s and self.stride > 0):
            raise InvalidOption(
                "a positive rate and 0 < stride <= window",
                f"{self.rate_hz} Hz, window {self.window_s} s, stride {self.stride_s} s",
                "Correct signal.window_s or signal.stride_s.",
            )
        if not self.trace_rate_hz > 0:
            raise InvalidOption(
                "a positive rate of the trace",
                f"{self.trace_rate_hz} Hz",
                "Correct signal.windowing.trace_rate_hz.",
            )
        if self.scale_uv is not None and not self.scale_uv > 0:
            raise InvalidOption(
                "a positive scale in microvolts, or null", f"{self.scale_uv}",
                "Correct signal.windowing.scale_uv.",
            )  # fmt: skip

    @property
    def length(self) -> int:
        """Samples in a window."""
        return round(self.window_s * self.rate_hz)

    @property
    def stride(self) -> int:
        """Samples from one window's start to the next one's."""
        return round(self.stride_s * self.rate_hz)

    def scaling(
        self, center_uv: ArrayLike, spread_uv: ArrayLike
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what to subtract from each electrode and what to divide it by, in microvolts.

        Args:
            center_uv, spread_uv: robust center and spread of each electrode over its recording.
        """
        center, spread = np.asarray(center_uv, np.float32), np.asarray(spread_uv, np.float32)
        if self.scale_uv is None:
            return center, spread
        return np.zeros_like(center), np.full_like(spread, self.scale_uv)


@dataclass(frozen=True)
class WindowIndex:
    """All windows of a list of recordings, in the order of the recordings and of time.

    Attributes:
        recording: position of each window's recording in that list, int32 `(windows,)`.
        span: first and last-plus-one sample of each window, int64 `(windows, 2)`.
        kind: a `Kind` for each window, int8 `(windows,)`.
        seizure_samples: samples of each window that are seizure, int32 `(windows,)`.
    """

    recording: NDArray[np.int32]
    span: NDArray[np.int64]
    kind: NDArray[np.int8]
    seizure_samples: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def n_samples(self) -> NDArray[np.int64]:
        """Recorded samples in each window, `(windows,)`: fewer than a window's in a padded one."""
        return self.span[:, 1] - self.span[:, 0]


def n_samples(row: ManifestRow, rate_hz: float) -> int:
    """Return the samples of a prepared recording."""
    return round(row.duration_s * rate_hz)


def index_windows(rows: Sequence[ManifestRow], windowing: Windowing) -> WindowIndex:
    """Lay windows over recordings and classify them by their events; half a million take about a
    second."""
    recordings, spans, seizures = [], [], []
    for number, row in enumerate(rows):
        span = row_spans(row, windowing)
        spans.append(span)
        recordings.append(np.full(len(span), number, dtype=np.int32))
        seizures.append(_covered(seizure_samples(row, windowing.rate_hz), span))
    if not spans:
        empty = np.empty(0, dtype=np.int32)
        return WindowIndex(empty, np.empty((0, 2), np.int64), empty.astype(np.int8), empty)
    span, seizure = np.concatenate(spans), np.concatenate(seizures)
    kind = np.where(seizure == 0, Kind.NONE, Kind.PARTIAL)
    kind = np.where(seizure == span[:, 1] - span[:, 0], Kind.FULL, kind)
    return WindowIndex(
        np.concatenate(recordings), span, kind.astype(np.int8), seizure.astype(np.int32)
    )


def row_spans(row: ManifestRow, windowing: Windowing) -> NDArray[np.int64]:
    """Return the `(windows, 2)` samples of one recording's windows, none across a gap."""
    recorded = recorded_spans(
        n_samples(row, windowing.rate_hz), windowing.rate_hz, row.gap_intervals
    )
    return window_spans(recorded, windowing.length, windowing.stride)


def seizure_samples(row: ManifestRow, rate_hz: float) -> NDArray[np.int64]:
    """Return the `(n, 2)` first and last-plus-one samples of a recording's seizures, merged."""
    merged = merge(row.annotation.seizure_intervals)
    samples = np.clip(np.rint(merged * rate_hz), 0, n_samples(row, rate_hz)).astype(np.int64)
    return samples[samples[:, 1] > samples[:, 0]]


def bad_samples(bad_spans: Sequence[Sequence[Any]], rate_hz: float) -> dict[int, NDArray[np.int64]]:
    """Return the samples `(n, 2)` of the segments marked bad, by the number of the electrode.

    Args:
        bad_spans: `(electrode, onset_s, offset_s, reason)` rows.
    """
    by_electrode: dict[int, list[tuple[float, float]]] = {}
    for electrode, onset_s, offset_s, *_ in bad_spans:
        span = (float(onset_s), float(offset_s))
        by_electrode.setdefault(ELECTRODES.index(str(electrode)), []).append(span)
    return {
        electrode: np.rint(merge(_intervals(pairs)) * rate_hz).astype(np.int64)
        for electrode, pairs in by_electrode.items()
    }


def observed_in(
    observed: NDArray[np.bool_],
    bad: dict[int, NDArray[np.int64]],
    spans: NDArray[np.int64],
    max_bad_fraction: float,
) -> NDArray[np.bool_]:
    """Return which electrodes are usable in each window, `(windows, electrodes)`.

    Args:
        observed: electrodes that the recording has at all, `(electrodes,)`.
        bad: segments marked bad, from `bad_samples`.
        spans: windows, `(windows, 2)` samples.
        max_bad_fraction: an electrode is absent if more than this fraction of the window is bad.
    """
    usable = np.tile(observed, (len(spans), 1))
    length = spans[:, 1] - spans[:, 0]
    for electrode, segments in bad.items():
        usable[:, electrode] &= _covered(segments, spans) <= max_bad_fraction * length
    return usable


def require_length(row: ManifestRow, eeg: NDArray[np.int16], rate_hz: float) -> None:
    """Refuse a cached signal that is not as long as its manifest row states.

    Raises:
        StaleCache: naming the recording.
    """
    expected = n_samples(row, rate_hz)
    if eeg.shape[1] != expected:
        raise StaleCache(
            f"{expected} samples of {row.recording_id}, as in its manifest row",
            f"{eeg.shape[1]}",
            "Prepare the corpus again: brainbrr prepare prepare.rebuild=true.",
        )


def mark(
    window: NDArray[Any], segments: NDArray[np.int64], span: NDArray[np.int64], value: float
) -> None:
    """Write `value` into a window at a span wherever one of the recording's segments lies."""
    start, stop = span
    for first, last in segments:
        if first < stop and last > start:
            window[max(first - start, 0) : min(last, stop) - start] = value


def require_labels(rows: Sequence[ManifestRow], purpose: str) -> None:
    """Refuse recordings without annotation.

    Raises:
        InvalidInput: naming the first and how many there are.
    """
    unlabelled = [row.recording_id for row in rows if row.events is None]
    if unlabelled:
        raise InvalidInput(
            f"annotated recordings for {purpose}",
            f"{len(unlabelled)} of {len(rows)} without, {unlabelled[0]} first",
            "Give their annotations or leave them out of the split.",
        )


def _intervals(pairs: list[tuple[float, float]]) -> Intervals:
    return np.asarray(pairs, dtype=np.float64).reshape(-1, 2)


def _covered(segments: NDArray[np.int64], spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the samples of each span that lie in one of the disjoint, sorted segments."""
    if len(segments) == 0:
        return np.zeros(len(spans), dtype=np.int64)
    edges = segments.ravel()
    # Samples covered before each edge: grows inside a segment, rests between two.
    before = np.concatenate([[0], np.cumsum(np.diff(edges) * (np.arange(len(edges) - 1) % 2 == 0))])
    until = np.interp(spans.ravel(), edges, before).reshape(spans.shape)
    return np.rint(until[:, 1] - until[:, 0]).astype(np.int64)
