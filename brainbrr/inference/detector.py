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
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.detection import Detection, detect
from brainbrr.events.trace import Trace
from brainbrr.models.rollout import window_probabilities
from brainbrr.signal.quantisation import quantise
from brainbrr.signal.windows import (
    mean_pool,
    observed_in_windows,
    recorded_spans,
    stitch,
    window_spans,
)

if TYPE_CHECKING:
    import mne
    from numpy.typing import NDArray


class NothingObserved(BrainbrrError):
    """No electrode of the recording could be recovered."""


@dataclass(frozen=True)
class Windowing:
    """How a recording is cut up and put together again.

    Attributes:
        window_s: seconds the network sees at once.
        stride_s: seconds between the starts of neighbouring windows; overlaps are averaged.
        trace_rate_hz: rate of the stitched probability, which events are detected on.
    """

    window_s: float = 60.0
    stride_s: float = 10.0
    trace_rate_hz: float = 16.0


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
    windowing: Windowing = field(default_factory=Windowing)
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
        """Seizure probability over the time of a recording, at `windowing.trace_rate_hz`."""
        if isinstance(source, (str, Path)):
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / "prepared.npy"
                header = prepare_file(Path(source), self.preparation, target)
                return self.trace_prepared(header, np.load(target, mmap_mode="r"))
        if not isinstance(source, Recording):
            from brainbrr.data.read import from_mne

            source = from_mne(source)
        header, eeg_uv = prepare(source, self.preparation)
        return self.trace_prepared(header, quantise(eeg_uv))

    def trace_prepared(
        self, header: PreparedHeader, eeg: NDArray[np.int16], *, batch_size: int = 4
    ) -> Trace:
        """Seizure probability of a prepared recording, `(19, samples)` at 0.1 uV a step.

        Raises:
            NothingObserved: no electrode holds signal.
        """
        if not np.any(header.observed):
            raise NothingObserved(
                "at least one scalp electrode with signal",
                "none",
                "Check the channel labels of the recording with `brainbrr inspect`.",
            )
        rate_hz = self.preparation.rate_hz
        length, stride = (
            round(seconds * rate_hz)
            for seconds in (self.windowing.window_s, self.windowing.stride_s)
        )
        n_samples = eeg.shape[1]
        recorded = recorded_spans(n_samples, rate_hz, header.gaps)
        spans = window_spans(recorded, length, stride)
        self.network.eval()
        windows = window_probabilities(
            self.network,
            eeg,
            spans,
            observed=observed_in_windows(spans, header.observed, header.bad_spans, rate_hz),
            center_uv=header.center_uv,
            scale_uv=header.scale_uv,
            length=length,
            batch_size=batch_size,
        )
        probability = stitch(windows, spans, n_samples, recorded)
        pooled = mean_pool(probability, round(rate_hz / self.windowing.trace_rate_hz))
        return Trace(pooled, self.windowing.trace_rate_hz, header.gaps, header.start)

    def with_detection(self, detection: Detection) -> Detector:
        """The same detector with other thresholds."""
        return replace(self, detection=detection)
