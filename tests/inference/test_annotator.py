"""What every form of a detector shares: its identity, its variants, and EEG to events."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import InvalidOption
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection, detect
from brainbrr.export.onnx_detector import ExportedDetector
from brainbrr.inference.detector import Detector
from brainbrr.inference.tiling import LONG
from tests.inference.loud_where import LoudWhere

FORM = ExportedDetector(
    LoudWhere((0,)), {"family": "v3"}, Preparation(), Windowing(256.0, 4.0, 2.0), Detection(), {},
    file_digest="a",
)  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"detection": Detection(on_threshold=0.9)},
        {"windowing": Windowing(256.0, 4.0, 1.0)},
        {"windowing": Windowing(256.0, 4.0, 2.0, trace_rate_hz=8.0)},
        {"preparation": Preparation(high_hz=40.0)},
        {"calibration": Calibration(2.0)},
        {"provenance": {"seed": 2}},
        {"file_digest": "b"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_decides_what_is_found_is_in_the_identity(changes: dict[str, object]) -> None:
    assert len(FORM.identity) == 16 and int(FORM.identity, 16) >= 0
    assert replace(FORM).identity == FORM.identity
    assert replace(FORM, **changes).identity != FORM.identity  # type: ignore[arg-type]


def test_choices_of_use_are_not_in_the_identity(golden: Detector) -> None:
    for other in (golden.with_tiling(LONG), golden.with_precision("bf16")):
        assert other != golden and other.identity == golden.identity


def test_a_variant_differs_in_that_alone(golden: Detector) -> None:
    assert golden.with_stride(None) is golden
    closer = golden.with_stride(1.0)
    assert closer.windowing == replace(golden.windowing, stride_s=1.0)
    assert replace(closer, windowing=golden.windowing) == golden
    surer = golden.with_detection(Detection(on_threshold=0.9))
    assert surer.detection.on_threshold == 0.9
    assert replace(surer, detection=golden.detection) == golden


def test_what_a_form_cannot_be_is_refused(golden: Detector) -> None:
    with pytest.raises(InvalidOption, match="tiling windows or long; got tiles"):
        golden.with_tiling("tiles")
    with pytest.raises(
        InvalidOption, match="precision fp32 or bf16 or fp16; got int8.*quantize=int8"
    ):
        golden.with_precision("int8")
    assert FORM.with_tiling("windows").with_precision("fp32") is FORM
    with pytest.raises(InvalidOption, match="tiling=windows for an exported detector"):
        FORM.with_tiling(LONG)
    with pytest.raises(InvalidOption, match="precision=fp32 for an exported detector"):
        FORM.with_precision("bf16")


def test_events_are_those_of_the_trace_with_calibrated_confidence(
    tmp_path: Path, write_edf: Callable[..., Path]
) -> None:
    path = write_edf(tmp_path / "night.edf", seconds=30)
    detection = Detection(on_threshold=0.02, off_threshold=0.02, min_duration_s=0.5)
    form = replace(FORM, detection=detection, calibration=Calibration(2.0, -1.0))
    trace = form.trace(path)
    annotation = form.annotate(path, evidence=False)
    plain = detect(trace, detection)
    assert annotation.events and annotation == form.events(trace)
    for event, raw in zip(annotation.events, plain.events, strict=True):
        assert (event.onset_s, event.duration_s) == (raw.onset_s, raw.duration_s)
        odds = np.log(raw.confidence / (1 - raw.confidence)) / 2 - 1
        assert event.confidence == pytest.approx(1 / (1 + np.exp(-odds)), rel=1e-4)


def test_evidence_names_the_electrode_that_the_backend_listens_to(
    tmp_path: Path, write_edf: Callable[..., Path]
) -> None:
    path = write_edf(tmp_path / "night.edf", seconds=30)
    detection = Detection(on_threshold=0.02, off_threshold=0.02, min_duration_s=0.5)
    form = replace(FORM, detection=detection)
    events = form.annotate(path).events
    assert events and all(event.channels[0] == "Fp1" for event in events)
    quiet = replace(FORM, detection=Detection(on_threshold=1.0, off_threshold=1.0))
    assert quiet.annotate(path).events == ()
