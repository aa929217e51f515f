"""What every form of a detector can do: EEG in, probability over time and seizure events out."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.recordings.recording import Recording
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection, detect
from brainbrr.events.trace import Trace
from brainbrr.inference.evidence import Evidence, event_evidence, graph_during, with_channels
from brainbrr.inference.prepared_eeg import PreparedEeg, prepared
from brainbrr.inference.rollout import RecordingWindows, run_batched
from brainbrr.inference.tiling import TILINGS, WINDOWS
from brainbrr.signal.window_eeg import Backend, WindowEeg

if TYPE_CHECKING:
    import mne

FP32 = "fp32"
PRECISIONS = (FP32, "bf16", "fp16")
OF_TRAINER = {"32-true": FP32, "bf16-mixed": "bf16", "16-mixed": "fp16"}
"""Precision that computes as a run does with this value of `trainer.precision`."""
BATCH_SIZE = 4
"""Windows computed at once if nothing else is asked for."""


class Annotator(ABC):
    """Any form of a detector: a network, or what it was exported to, and all that goes with it.

    Attributes:
        model: the network's family and numbers, plain values.
        preparation: how recordings are brought to 19 electrodes at one rate.
        windowing: how they are cut up and stitched.
        detection: how probability becomes events, tuned on validation data.
        provenance: where it was trained and tuned, plain values.
        calibration: what an event's probability is worth; the identity if none was fitted.
        tiling: `windows`, or `long` segments; see `with_tiling`.
        precision: `fp32`, `bf16` or `fp16`; see `with_precision`.
    """

    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection
    provenance: dict[str, Any]
    calibration: Calibration = Calibration()  # frozen
    tiling: str = WINDOWS
    precision: str = FP32

    @property
    @abstractmethod
    def backend(self) -> Backend:
        """What maps windows of stored EEG to probabilities."""

    def annotate(
        self, source: str | Path | Recording | mne.io.BaseRaw, *, evidence: bool = True
    ) -> Annotation:
        """Find the seizure events of a recording, each with a calibrated confidence and the
        electrodes that contributed most.

        Args:
            source: path of an EDF or any file MNE reads, a `Recording`, or an `mne.io.Raw`.
            evidence: name the electrodes; costs 21 windows per event, see
                `brainbrr.inference.evidence`.

        Raises:
            UnreadableRecording, MissingElectrodes and others: see `brainbrr.data`.
            InvalidInput: no electrode holds signal.
            NonFiniteOutput: the network gave NaN or infinity.
        """
        with prepared(source, self.preparation) as recording:
            annotation = self.events(self.trace_prepared(recording))
            reasons = self.evidence(recording, annotation) if evidence else ()
        return with_channels(annotation, reasons)

    @property
    def identity(self) -> str:
        """Sixteen hexadecimal digits for everything released that decides what is found; `tiling`
        and `precision` are choices of use."""
        windowing = asdict(self.windowing)
        # Defaults are left out, so that detectors released before there was a choice keep theirs.
        for option in ("trace_rate_hz", "scale_uv"):
            if windowing[option] == getattr(Windowing, option):
                del windowing[option]
        numbers = [
            type(self).__name__,
            self.provenance,
            asdict(self.preparation),
            windowing,
            asdict(self.detection),
            asdict(self.calibration),
        ]
        content = json.dumps(numbers, sort_keys=True, default=str) + self.weights_digest
        return sha256(content.encode()).hexdigest()[:16]

    @property
    def weights_digest(self) -> str:
        """A digest that differs between detectors of equal numbers; empty if nothing is known."""
        return ""

    def events(self, trace: Trace) -> Annotation:
        """Find the seizure events of a probability trace, their confidence calibrated."""
        return self.calibration.of_events(detect(trace, self.detection))

    def trace(self, source: str | Path | Recording | mne.io.BaseRaw) -> Trace:
        """Compute the seizure probability over the time of a recording."""
        with prepared(source, self.preparation) as recording:
            return self.trace_prepared(recording)

    def trace_prepared(self, recording: PreparedEeg, *, batch_size: int = BATCH_SIZE) -> Trace:
        """Compute the seizure probability of a recording prepared with this `preparation`.

        Raises:
            InvalidInput: no electrode holds signal in any window.
            NonFiniteOutput: the network gave NaN or infinity.
        """
        windows = RecordingWindows(recording, self.windowing, self.tiling)
        return next(run_batched([windows], self.backend, batch_size)).trace()

    def evidence(
        self,
        recording: PreparedEeg,
        annotation: Annotation,
        *,
        backend: Backend | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> tuple[Evidence, ...]:
        """Compute the evidence for each event of a recording, in the order of the annotation.

        Args:
            backend: what computes; the detector's own if None.
            batch_size: windows computed at once.
        """
        if not annotation.events:
            return ()
        windows, backend = RecordingWindows(recording, self.windowing), backend or self.backend
        return tuple(
            event_evidence(windows, event, backend, self.adjacency, batch_size)
            for event in annotation.events
        )

    def graph_during(
        self, recording: PreparedEeg, onset_s: float, offset_s: float
    ) -> NDArray[np.float32] | None:
        """Return the mean graph `(19, 19)` of an event; see `brainbrr.inference.evidence`."""
        windows = RecordingWindows(recording, self.windowing, refuse_blind=False)
        return graph_during(windows, onset_s, offset_s, self.adjacency)

    def adjacency(self, window: WindowEeg) -> NDArray[np.float32] | None:
        """Return the learned graph of one window, `(frames, 19, 19)`; None if the form has none."""
        return None

    def with_detection(self, detection: Detection) -> Self:
        """Return the same detector with other thresholds."""
        return replace(self, detection=detection)  # type: ignore[type-var]  # forms are dataclasses

    def with_stride(self, stride_s: float | None) -> Self:
        """Return the same detector with another distance between windows; None leaves it."""
        if stride_s is None:
            return self
        windowing = replace(self.windowing, stride_s=stride_s)
        return replace(self, windowing=windowing)  # type: ignore[type-var]

    def with_tiling(self, tiling: str) -> Self:
        """Return the same detector cutting recordings into `windows`, or into `long` segments (see
        `brainbrr.inference.tiling`); streams and evidence use windows in any case.

        Raises:
            InvalidOption: an unknown name, or an exported form, whose windows have one length.
        """
        if tiling not in TILINGS:
            raise InvalidOption(f"tiling {' or '.join(TILINGS)}", tiling, "Correct tiling=.")
        return self._with("tiling", tiling)

    def with_precision(self, precision: str) -> Self:
        """Return the same detector computing in `fp32`, or matrix products of numbers with 8 bits
        of mantissa (`bf16`) or 11 (`fp16`, for GPUs before Ampere).

        Raises:
            InvalidOption: an unknown name, or an exported form, which has one precision.
        """
        if precision not in PRECISIONS:
            raise InvalidOption(
                f"precision {' or '.join(PRECISIONS)}",
                precision,
                "Correct precision=; int8 is a form: `brainbrr export format=onnx quantize=int8`.",
            )
        return self._with("precision", precision)

    def _with(self, name: str, value: str) -> Self:
        if value == getattr(self, name):
            return self
        raise InvalidOption(
            f"{name}={getattr(self, name)} for an exported detector",
            f"{name}={value}",
            f"Give the detector's folder, or leave {name}= out.",
        )
