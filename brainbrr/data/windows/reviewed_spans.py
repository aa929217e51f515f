"""Stretches that a reviewer looked at, which count more in the loss: a human judged them twice."""

from collections.abc import Mapping, Sequence

import numpy as np

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import WeightedSpans
from brainbrr.events.intervals import as_intervals, clip, merge


def judged_spans(
    rows: Sequence[ManifestRow],
    judged_s: Mapping[str, Sequence[tuple[float, float]]],
    *,
    weight: float,
    rate_hz: float,
) -> dict[str, WeightedSpans]:
    """The judged stretches in samples, by recording.

    Args:
        rows: the manifest; stretches are cut off at a recording's ends.
        judged_s: onsets and offsets by recording, as `PreparedCorpus.corrected_s` holds them.
        weight: factor of the loss inside them.
        rate_hz: samples a second of the prepared signal.
    """
    durations_s = {row.recording_id: row.duration_s for row in rows}
    spans = {}
    for name, stretches in judged_s.items():
        inside = clip(merge(as_intervals(stretches)), 0.0, durations_s[name])
        spans[name] = WeightedSpans(np.rint(inside * rate_hz).astype(np.int64), weight)
    return spans
