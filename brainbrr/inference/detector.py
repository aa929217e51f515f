"""A trained detector: EEG in, probability over time and seizure events out."""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.recordings.recording import Recording
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection, detect
from brainbrr.events.trace import Trace
from brainbrr.inference.prepared_eeg import PreparedEeg, prepared
from brainbrr.inference.rollout import TRACE_RATE_HZ, NothingObserved, Rollout, pack
from brainbrr.inference.tiling import READINGS, WINDOWS
from brainbrr.signal.window_model import WindowModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import mne
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from brainbrr.events.intervals import Intervals


log = logging.getLogger(__name__)

__all__ = ["TRACE_RATE_HZ", "Annotator", "Detector", "NothingObserved"]

FP32 = "fp32"
PRECISIONS = (FP32, "bf16")
BATCH_SIZE = 4
"""Windows computed at once where nothing else is asked for."""


class SpeedNotOffered(BrainbrrError):
    """A way of computing that this form of a detector does not have."""


class Annotator(ABC):
    """Any form of a detector: a network, or what it was exported to, and all that goes with it.

    Attributes:
        preparation: how recordings are brought to 19 electrodes at one rate.
        windowing: how they are cut up and stitched.
        detection: how probability becomes events, tuned on validation data.
        provenance: where it was trained and tuned, plain values.
        calibration: what an event's probability is worth; the identity where none was fitted.
        reading: `windows`, or `encode_once` for long stretches; see `with_reading`.
        precision: `fp32` or `bf16`; see `with_precision`.
    """

    preparation: Preparation
    windowing: Windowing
    detection: Detection
    provenance: dict[str, Any]
    calibration: Calibration = Calibration()  # frozen
    reading: str = WINDOWS
    precision: str = FP32

    @property
    @abstractmethod
    def window_model(self) -> WindowModel:
        """What maps windows of stored EEG to probabilities."""

    def annotate(
        self, source: str | Path | Recording | mne.io.BaseRaw, *, evidence: bool = True
    ) -> Annotation:
        """Seizure events of a recording, each with a calibrated confidence and the electrodes that
        mattered.

        Args:
            source: path of an EDF or any file MNE reads, a `Recording`, or an `mne.io.Raw`.
            evidence: name the electrodes; costs 21 windows an event, see
                `brainbrr.inference.evidence`.

        Raises:
            UnreadableRecording, MissingElectrodes and others: see `brainbrr.data`.
            NothingObserved: no electrode holds signal.
        """
        from brainbrr.inference.evidence import evidence_of, with_channels

        with prepared(source, self.preparation) as recording:
            annotation = self.events(self._trace(recording, BATCH_SIZE))
            found = evidence_of(self, recording, annotation) if evidence else ()
        return with_channels(annotation, found)

    @property
    def identity(self) -> str:
        """Sixteen hexadecimal digits that stand for everything released that decides what is found;
        `reading` and `precision` are for whoever uses it to choose."""
        numbers = [
            type(self).__name__,
            self.provenance,
            asdict(self.preparation),
            asdict(self.windowing),
            asdict(self.detection),
            asdict(self.calibration),
        ]
        content = json.dumps(numbers, sort_keys=True, default=str) + self.weights_digest
        return sha256(content.encode()).hexdigest()[:16]

    @property
    def weights_digest(self) -> str:
        """What tells two detectors of the same numbers apart; empty where nothing is known."""
        return ""

    def events(self, trace: Trace) -> Annotation:
        """Seizure events of a probability trace, their confidence calibrated."""
        return self.calibration.of_events(detect(trace, self.detection))

    def trace(self, source: str | Path | Recording | mne.io.BaseRaw) -> Trace:
        """Seizure probability over the time of a recording, at `TRACE_RATE_HZ`."""
        with prepared(source, self.preparation) as recording:
            return self._trace(recording, BATCH_SIZE)

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
        batch_size: int = BATCH_SIZE,
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
        recording = PreparedEeg(eeg, observed, center_uv, scale_uv, gaps, bad_spans, start)
        return self._trace(recording, batch_size)

    def _trace(self, recording: PreparedEeg, batch_size: int) -> Trace:
        rollout = Rollout(recording, self.windowing, self.reading)
        return next(pack([rollout], self.window_model, batch_size)).trace()

    def adjacency(
        self,
        eeg: NDArray[np.int16],
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
    ) -> NDArray[np.float32] | None:
        """The learned graph in one window, `(frames, 19, 19)`; None where the form has none.

        Args:
            eeg: `(19, samples)`, 0.1 uV a step.
            observed, center_uv, scale_uv: `(19,)`.
        """
        return None

    def with_detection(self, detection: Detection) -> Self:
        """The same detector with other thresholds."""
        return replace(self, detection=detection)  # type: ignore[type-var]  # forms are dataclasses

    def with_stride(self, stride_s: float | None) -> Self:
        """The same detector with windows at another distance; None leaves it."""
        if stride_s is None:
            return self
        windowing = replace(self.windowing, stride_s=stride_s)
        return replace(self, windowing=windowing)  # type: ignore[type-var]

    def with_reading(self, reading: str) -> Self:
        """The same detector reading recordings in `windows`, or in long stretches (`encode_once`:
        see `brainbrr.inference.tiling`); streams and evidence have windows in any case.

        Raises:
            SpeedNotOffered: no such way, or an exported form, whose windows have one length.
        """
        if reading not in READINGS:
            raise SpeedNotOffered(f"reading {' or '.join(READINGS)}", reading, "Correct reading=.")
        return self._with("reading", reading)

    def with_precision(self, precision: str) -> Self:
        """The same detector computing in `fp32`, or in `bf16`: matrix products of numbers with 8
        bits of mantissa.

        Raises:
            SpeedNotOffered: no such precision, or an exported form, which has one.
        """
        if precision not in PRECISIONS:
            raise SpeedNotOffered(
                f"precision {' or '.join(PRECISIONS)}",
                precision,
                "Correct precision=; int8 is a form: `brainbrr export format=onnx quantize=int8`.",
            )
        return self._with("precision", precision)

    def _with(self, name: str, value: str) -> Self:
        if value == getattr(self, name):
            return self
        raise SpeedNotOffered(
            f"{name}={getattr(self, name)} for an exported detector",
            f"{name}={value}",
            f"Give the detector's folder, or leave {name}= out.",
        )


@dataclass(frozen=True)
class Detector(Annotator):
    """A network with everything that must go with it for the same numbers anywhere.

    Attributes:
        network: `(batch, 19, samples)` standardised EEG to `(batch, samples)` logits.
        model: the network's family and numbers, plain values.
        preparation and all that follows: see `Annotator`.
    """

    network: nn.Module
    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection = field(default_factory=Detection)
    provenance: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    reading: str = WINDOWS
    precision: str = FP32

    def _with(self, name: str, value: str) -> Self:
        from brainbrr.kernels.precision import has_bf16_units

        device = next(self.network.parameters()).device.type
        if value == "bf16" and not has_bf16_units(device):
            log.warning("bf16 costs time here: no units for it are known on this %s", device)
        return replace(self, **{name: value})  # type: ignore[arg-type]

    @property
    def weights_digest(self) -> str:
        """SHA-256 of the weights, name by name."""
        content = sha256(json.dumps(self.model, sort_keys=True, default=str).encode())
        for name, tensor in self.network.state_dict().items():
            content.update(name.encode())
            content.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return content.hexdigest()

    @property
    def window_model(self) -> WindowModel:
        """The network in evaluation mode, with the scaling before it."""
        from brainbrr.inference.torch_backend import TorchWindows

        return TorchWindows(self.network.eval(), self.precision)

    def adjacency(
        self,
        eeg: NDArray[np.int16],
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
    ) -> NDArray[np.float32] | None:
        """The graph of each frame of a window; see `Annotator.adjacency`."""
        from brainbrr.inference.torch_backend import learned_graph

        return learned_graph(self.network.eval(), eeg, observed, center_uv, scale_uv)
