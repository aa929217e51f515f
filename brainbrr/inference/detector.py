"""A trained detector: EEG in, probability over time and seizure events out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from brainbrr.data.preparation import Preparation, PreparedHeader, prepare, prepare_file
from brainbrr.data.recording import Recording
from brainbrr.data.window_index import Windowing, bad_samples, observed_in
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import Detection, detect
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
from brainbrr.models.rollout import window_probabilities
from brainbrr.signal.quantisation import quantise
from brainbrr.signal.windows import recorded_spans, stitch, window_spans

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import mne
    from numpy.typing import NDArray

    from brainbrr.events.intervals import Intervals


class NothingObserved(BrainbrrError):
    """No electrode of the recording could be recovered."""


TRACE_RATE_HZ = 16.0
"""Rate of the stitched probability that events are detected on, in validation and in use alike."""


@dataclass(frozen=True)
class Detector:
    """A network with everything that must go with it for the same numbers anywhere.

    Attributes:
        network: `(batch, 19, samples)` standardised EEG to `(batch, samples)` logits.
        model: the network's family and numbers, plain values.
        preparation: how recordings are brought to 19 electrodes at one rate.
        windowing: how they are cut up and stitched.
        detection: how probability becomes events, tuned on validation data.
        provenance: where it was trained and tuned, plain values.
    """

    network: nn.Module
    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection = field(default_factory=Detection)
    provenance: dict[str, Any] = field(default_factory=dict)

    def annotate(self, source: str | Path | Recording | mne.io.BaseRaw) -> Annotation:
        """Seizure events of a recording.

        Args:
            source: path of an EDF or any file MNE reads, a `Recording`, or an `mne.io.Raw`.
        """
        return self.events(self.trace(source))

    def events(self, trace: Trace) -> Annotation:
        """Seizure events of a probability trace."""
        return detect(trace, self.detection)

    def trace(self, source: str | Path | Recording | mne.io.BaseRaw) -> Trace:
        """Seizure probability over the time of a recording, at `TRACE_RATE_HZ`."""
        if isinstance(source, (str, Path)):
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / "prepared.npy"
                header = prepare_file(Path(source), self.preparation, target)
                return self._trace(header, np.load(target, mmap_mode="r"))
        if not isinstance(source, Recording):
            from brainbrr.data.read import from_mne

            source = from_mne(source)
        header, eeg_uv = prepare(source, self.preparation)
        return self._trace(header, quantise(eeg_uv))

    def _trace(self, header: PreparedHeader, eeg: NDArray[np.int16]) -> Trace:
        return self.trace_prepared(
            eeg,
            observed=header.observed,
            center_uv=header.center_uv,
            scale_uv=header.scale_uv,
            gaps=as_intervals(header.gaps),
            bad_spans=header.bad_spans,
            start=header.start,
        )

    def trace_prepared(
        self,
        eeg: NDArray[np.int16],
        *,
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
        gaps: Intervals,
        bad_spans: Sequence[Sequence[Any]],
        start: datetime | None = None,
        batch_size: int = 4,
    ) -> Trace:
        """Seizure probability of a prepared recording.

        Args:
            eeg: `(19, samples)` at 0.1 uV a step, prepared with this detector's `preparation`.
            observed: `(19,)`, which electrodes hold signal.
            center_uv, scale_uv: `(19,)` microvolts, as preparation found them.
            gaps: `(n, 2)` seconds without signal.
            bad_spans: `(electrode, onset_s, offset_s, reason)` rows.
            batch_size: windows computed at once.

        Raises:
            NothingObserved: no electrode holds signal in any window.
        """
        windowing = self.windowing
        recorded = recorded_spans(eeg.shape[1], windowing.rate_hz, gaps)
        spans = window_spans(recorded, windowing.length, windowing.stride)
        bad = bad_samples(bad_spans, windowing.rate_hz)
        usable = observed_in(observed, bad, spans, windowing.max_bad_fraction)
        if not np.any(usable):
            raise NothingObserved(
                "at least one scalp electrode with signal",
                "none in any window",
                "Look at its channels with `brainbrr inspect`.",
            )
        self.network.eval()
        windows = window_probabilities(
            self.network,
            eeg,
            spans,
            observed=usable,
            center_uv=center_uv,
            scale_uv=scale_uv,
            length=windowing.length,
            batch_size=batch_size,
        )
        probability = stitch(windows, spans, eeg.shape[1], recorded).clip(0.0, 1.0)
        return Trace(probability, windowing.rate_hz, gaps, start).reduced(TRACE_RATE_HZ)

    def with_detection(self, detection: Detection) -> Detector:
        """The same detector with other thresholds."""
        return replace(self, detection=detection)
