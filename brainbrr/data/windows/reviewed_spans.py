"""Segments that a reviewer checked, which count more in the loss."""

from collections.abc import Mapping, Sequence

import numpy as np

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import WeightedSpans
from brainbrr.events.intervals import as_intervals, clip, merge


def reviewed_spans(
    rows: Sequence[ManifestRow],
    reviewed_s: Mapping[str, Sequence[tuple[float, float]]],
    *,
    weight: float,
    rate_hz: float,
) -> dict[str, WeightedSpans]:
    """Return the reviewed segments in samples, by recording.

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
