"""Every window is computed once, and what no network can answer for has one rule everywhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from brainbrr.data.recordings.recording import Recording
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.inference.detector import Detector
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.rollout import NonFiniteOutput, RecordingWindows, run_batched
from brainbrr.inference.torch_backend import TorchBackend, probability_of
from brainbrr.release.artifact import load_release, save_release
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.window_eeg import WindowEeg
from brainbrr.signal.windows import window_spans
from brainbrr.streaming.detector_stream import open_stream

N, LENGTH = N_ELECTRODES, 40
GOLDEN_IDENTITY = "336fd2a9df811fd4"
"""Of the released golden detector in every version so far: ledgers hold it."""
ONE_HZ = Windowing(rate_hz=1.0, window_s=LENGTH, stride_s=20.0)


class Means:
    """Returns each window's mean over its observed electrodes, scaled, and remembers it."""

    def __init__(self) -> None:
        self.batches: list[NDArray[np.float32]] = []

    def __call__(self, windows: WindowEeg) -> NDArray[np.float32]:
        eeg, observed, center_uv, scale_uv = windows
        assert eeg.dtype == np.int16
        assert observed.shape == center_uv.shape == scale_uv.shape == eeg.shape[:2]
        scaled = (eeg - center_uv[..., None]) / scale_uv[..., None]
        self.batches.append(np.where(observed[..., None], scaled, 0).mean(1).astype(np.float32))
        return self.batches[-1]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_every_window_is_computed_once_whatever_the_batch(batch_size: int) -> None:
    generator = np.random.default_rng(0)
    eeg = generator.integers(-500, 500, (N, 205), dtype=np.int16)
    spans = window_spans(np.array([[0, 180], [190, 205]]), LENGTH, 20)
    bad = [(ELECTRODES[2], 0.0, 45.0, "flat"), (ELECTRODES[7], 150.0, 205.0, "flat")]
    center = generator.standard_normal(N).astype(np.float32)
    scale = 1 + generator.random(N).astype(np.float32)
    present = generator.random(N) < 0.8
    prepared = PreparedEeg(eeg, present, center, scale, np.array([[180.0, 190.0]]), bad)
    recording, backend = RecordingWindows(prepared, ONE_HZ), Means()
    assert recording.spans.tolist() == spans.tolist()
    assert list(run_batched([recording], backend, batch_size)) == [recording]
    sizes = [len(batch) for batch in backend.batches]
    assert sum(sizes) == len(spans)
    assert max(sizes) == min(batch_size, len(spans))
    for values, (start, stop), seen in zip(
        np.concatenate(backend.batches), spans, recording.observed, strict=True
    ):
        scaled = (eeg[:, start:stop] - center[:, None]) / scale[:, None]
        expected = np.where(seen[:, None], scaled, 0).mean(0)
        np.testing.assert_allclose(values[: stop - start], expected, rtol=1e-5, atol=1e-4)
    assert len({row.tobytes() for row in recording.observed}) > 1


def recording_of(**changes: object) -> PreparedEeg:
    ones = np.ones(N, dtype=np.float32)
    parts: dict[str, object] = {
        "eeg": np.ones((N, 200), dtype=np.int16), "observed": np.ones(N, dtype=bool),
        "center_uv": 0 * ones, "scale_uv": ones, "gaps": np.empty((0, 2)), "bad_spans": (),
        "name": "sub-07",
    }  # fmt: skip
    return PreparedEeg(**(parts | changes))  # type: ignore[arg-type]


def test_a_recording_that_nobody_can_judge_is_refused_or_0_throughout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = [(name, 0.0, 200.0, "flat") for name in ELECTRODES]
    with pytest.raises(InvalidInput, match="sub-07: at least one .* got none in any window"):
        RecordingWindows(recording_of(bad_spans=bad), ONE_HZ)
    with pytest.raises(InvalidInput, match="sub-07: at least one .* got none. Look"):
        RecordingWindows(recording_of(observed=np.zeros(N, dtype=bool)), ONE_HZ)
    blind = RecordingWindows(recording_of(bad_spans=bad), ONE_HZ, refuse_blind=False)
    backend = Means()
    (done,) = run_batched([blind], backend, 4)
    assert not done.trace().probability.any()
    assert not backend.batches
    assert "sub-07: 9 of 9 windows without any electrode" in caplog.text


def test_an_electrode_without_a_scale_is_refused() -> None:
    scale_uv = np.ones(N, dtype=np.float32)
    scale_uv[3] = 0
    with pytest.raises(InvalidInput, match="sub-07: a positive scale for each observed"):
        RecordingWindows(recording_of(scale_uv=scale_uv), ONE_HZ)


class Damaged(nn.Module):
    """Answers NaN for windows louder than a limit."""

    def __init__(self, value: float = float("nan")) -> None:
        super().__init__()
        self.value = value

    def forward(self, eeg: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
        loud = eeg.abs().amax((1, 2)) > 5
        return torch.where(loud[:, None], self.value, 0.0).expand(-1, eeg.shape[-1])


def loud_from(second: int) -> PreparedEeg:
    eeg = np.ones((N, 200), dtype=np.int16)
    eeg[:, second:] = 100
    return recording_of(eeg=eeg)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_output_that_is_not_finite_names_its_recording_and_window(value: float) -> None:
    recordings = [
        RecordingWindows(recording_of(name="sub-06"), ONE_HZ),
        RecordingWindows(loud_from(110), ONE_HZ),
    ]
    with pytest.raises(
        NonFiniteOutput, match="NaN or infinity in sub-07, the window at 80 s and 4 other windows"
    ):
        list(run_batched(recordings, TorchBackend(Damaged(value)), 6))


def test_finite_logits_keep_every_bit_of_their_probability() -> None:
    logits = torch.tensor([[-40.0, -0.0, 0.0, 1e-30, 3.25, 40.0]])
    assert probability_of(logits).tobytes() == torch.sigmoid(logits).numpy().tobytes()


def damaged(golden: Detector) -> Detector:
    return Detector(Damaged(), {}, golden.preparation, golden.windowing)


def test_damaged_weights_are_refused_by_name_in_a_file_an_events_evidence_and_a_stream(
    golden: Detector, write_edf: object, tmp_path: Path
) -> None:
    detector = damaged(golden)
    path = write_edf(tmp_path / "night.edf", seconds=12)  # type: ignore[operator]
    detector.network.forward = lambda eeg, _: eeg[:, 0] * torch.nan  # type: ignore[method-assign]
    with pytest.raises(NonFiniteOutput, match="NaN or infinity in night.edf, the window at 0 s"):
        detector.annotate(path)
    eeg = np.ones((N, 2560), dtype=np.int16)
    events = Annotation((Event(2.0, 4.0),), 10.0)
    with pytest.raises(NonFiniteOutput, match="the window of an event's evidence"):
        detector.evidence(recording_of(eeg=eeg), events)
    eeg_uv = 20 * np.random.default_rng(0).standard_normal((N, 256 * 12)).astype(np.float32)
    stream = open_stream(detector, Recording(eeg_uv, 256.0, ELECTRODES).labels, 256.0, mains=None)
    with pytest.raises(NonFiniteOutput, match="the stream, 2 s after it began"):
        stream.push(eeg_uv)


def test_the_rate_of_the_trace_travels_with_a_release(golden: Detector, tmp_path: Path) -> None:
    assert golden.windowing.trace_rate_hz == 16.0  # Released before there was a choice.
    assert golden.identity == GOLDEN_IDENTITY
    slow = replace(golden, windowing=replace(golden.windowing, trace_rate_hz=4.0))
    save_release(slow, tmp_path / "slow")
    loaded = load_release(tmp_path / "slow", check=False)
    assert loaded.windowing == slow.windowing
    assert loaded.identity == slow.identity != golden.identity
    prepared = recording_of(eeg=np.ones((N, 2048), dtype=np.int16))
    trace = loaded.trace_prepared(prepared)
    assert (trace.rate_hz, len(trace.probability)) == (4.0, 32)


@pytest.mark.parametrize("rate_hz", [0.0, -16.0])
def test_a_trace_has_a_rate(rate_hz: float) -> None:
    with pytest.raises(InvalidOption, match="a positive rate of the trace"):
        replace(ONE_HZ, trace_rate_hz=rate_hz)
