"""Long stretches: every sample about once, and the windows' own numbers where they are alike."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from brainbrr.data.windows.index import Windowing
from brainbrr.errors import InvalidInput, InvalidOption
from brainbrr.events.detection import Detection
from brainbrr.export.onnx_detector import ExportedDetector
from brainbrr.inference.annotate import Annotating, Settings
from brainbrr.inference.detector import Detector
from brainbrr.inference.ledger import Ledger
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.recordings import find_jobs
from brainbrr.inference.rollout import RecordingWindows, run_batched
from brainbrr.inference.tiling import FRAME, LONG, tile, tile_length
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from tests.inference.loud_where import LoudWhere

SLOW = Windowing(rate_hz=2.0, window_s=60.0, stride_s=10.0)
"""Two samples a second, so that a stretch has 600 samples and a window 120."""


def recording(
    seconds: float,
    *,
    rate_hz: float = 256.0,
    gaps: tuple[tuple[float, float], ...] = (),
    bad: tuple[tuple[str, float, float, str], ...] = (),
) -> PreparedEeg:
    eeg = np.random.default_rng(0).normal(0, 300, (N_ELECTRODES, round(seconds * rate_hz)))
    ones = np.ones(N_ELECTRODES, dtype=np.float32)
    there = np.ones(N_ELECTRODES, dtype=bool)
    return PreparedEeg(
        eeg.astype(np.int16), there, 0 * ones, 30 * ones, np.reshape(gaps, (-1, 2)), bad
    )


def probability(prepared: PreparedEeg, windowing: Windowing, tiling: str) -> NDArray[np.float32]:
    rollout = RecordingWindows(prepared, windowing, tiling)
    return next(run_batched([rollout], LoudWhere((0,)), 4)).trace().probability


def spans_of(*recorded: tuple[int, int]) -> list[list[int]]:
    spans, observed = tile(
        np.array(recorded), SLOW, LONG, lambda spans: np.ones((len(spans), 19), dtype=bool)
    )
    assert observed.shape == (len(spans), 19)
    return spans.tolist()  # type: ignore[no-any-return]


def test_stretches_overlap_and_stay_within_what_was_recorded() -> None:
    spans = spans_of((0, 1503), (2000, 2100))
    assert spans == [[0, 544], [484, 1028], [959, 1503], [2000, 2100]]


@pytest.mark.parametrize("n_samples", [1, 59, 60, 61, 599, 600, 601, 1140, 1141, 9_999])
def test_stretches_cover_everything_with_little_said_twice(n_samples: int) -> None:
    spans = np.array(spans_of((0, n_samples)))
    assert spans[0, 0] == 0
    assert spans[-1, 1] == n_samples
    overlaps = spans[:-1, 1] - spans[1:, 0]
    assert ((overlaps >= 60) & (overlaps < 60 + FRAME * len(spans))).all()
    assert (np.diff(spans) <= 600 + FRAME).all()


def test_no_recorded_span_gives_no_stretch() -> None:
    spans, observed = tile(
        np.empty((0, 2), np.int64), SLOW, LONG, lambda spans: np.ones((0, 19), dtype=bool)
    )
    assert spans.shape == (0, 2)
    assert len(observed) == 0


@pytest.mark.parametrize(("n_samples", "expected"), [(40, 120), (120, 120), (121, 128)])
def test_the_network_gets_whole_frames_and_a_window_at_least(n_samples: int, expected: int) -> None:
    assert tile_length(np.array([0, n_samples]), SLOW) == expected
    assert expected == 120 or expected % FRAME == 0


@pytest.mark.parametrize("seconds", [30.0, 61.5, 751.5])
def test_a_network_without_context_answers_alike_however_it_reads(seconds: float) -> None:
    prepared = recording(seconds, rate_hz=2.0, gaps=((10.0, 20.0),))
    windows = probability(prepared, SLOW, "windows")
    np.testing.assert_allclose(probability(prepared, SLOW, LONG), windows, atol=1e-6)
    assert windows.std() > 0.1


def test_an_electrode_is_believed_window_by_window() -> None:
    """One electrode bad for two of twelve minutes: lost there, heard before and after."""
    bad = (("Fp1", 240.0, 360.0, "flat"),)
    prepared = recording(720.0, rate_hz=2.0, bad=bad)
    side_by_side = replace(SLOW, stride_s=60.0)
    windows = probability(prepared, side_by_side, "windows")
    once = probability(prepared, SLOW, LONG)
    differs = np.flatnonzero(np.abs(windows - once) > 1e-6) / 2.0
    # A stretch reaches 30 s back beyond the window at which the answer changed.
    assert ((differs >= 210) & (differs < 240) | (differs >= 330) & (differs < 360)).all()
    rollout = RecordingWindows(prepared, SLOW, LONG)
    assert rollout.spans.tolist() == [[0, 480], [420, 720], [660, 1092], [1008, 1440]]
    assert rollout.observed[:, 0].tolist() == [True, False, True, True]


def test_a_stretch_without_any_electrode_is_zero_and_nothing_else_is() -> None:
    bad = tuple((name, 120.0, 240.0, "flat") for name in ELECTRODES)
    once = probability(recording(360.0, rate_hz=2.0, bad=bad), SLOW, LONG)
    assert not once[240:480].any()
    assert once[:240].all()
    assert once[480:].all()


def test_a_recording_that_is_bad_throughout_is_refused() -> None:
    bad = tuple((name, 0.0, 400.0, "flat") for name in ELECTRODES)
    with pytest.raises(InvalidInput, match="none in any window"):
        RecordingWindows(recording(400.0, rate_hz=2.0, bad=bad), SLOW, LONG)


def test_stretches_of_one_length_share_batches_across_recordings() -> None:
    seconds = (600.0, 600.0, 100.0, 100.0, 1000.0)
    rollouts = [RecordingWindows(recording(s, rate_hz=2.0), SLOW, LONG) for s in seconds]
    model = LoudWhere((0,))
    done = list(run_batched(rollouts, model, batch_size=21))
    assert done == rollouts
    # 3 and 3 stretches of 224 s, 2 of 100 s, 4 of 280 s; a batch has room for 21 minutes.
    assert model.batches == [5, 1, 2, 4]


def network_trace(detector: Detector, prepared: PreparedEeg) -> NDArray[np.float32]:
    return detector.trace_prepared(prepared).probability


@pytest.mark.parametrize("seconds", [3.0, 4.0])
def test_a_recording_of_one_window_gets_its_very_numbers(golden: Detector, seconds: float) -> None:
    windows, once = (
        network_trace(one, recording(seconds)) for one in (golden, golden.with_tiling(LONG))
    )
    assert (windows == once).all()


def test_the_difference_on_a_small_network_is_bounded(
    golden: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stretches of ten windows: on average an eighth of the trace's own spread, and everywhere
    less than what two thresholds lie apart."""
    monkeypatch.setattr("brainbrr.inference.tiling.SEGMENT_S", 40.0)
    monkeypatch.setattr("brainbrr.inference.tiling.OVERLAP_S", 4.0)
    prepared = recording(50.0)
    windows = network_trace(golden, prepared)
    difference = np.abs(windows - network_trace(golden.with_tiling(LONG), prepared))
    assert 0 < difference.mean() < 0.2 * windows.std()
    assert difference.max() < 0.02


def test_other_ways_are_refused_by_name(golden: Detector) -> None:
    with pytest.raises(InvalidOption, match="tiling windows or long"):
        golden.with_tiling("twice")
    with pytest.raises(InvalidOption, match="precision fp32 or bf16 or fp16"):
        golden.with_precision("fp8")
    with pytest.raises(InvalidOption, match="quantize=int8"):
        golden.with_precision("int8")


def test_an_exported_form_has_one_way(golden: Detector) -> None:
    parts = (golden.preparation, golden.windowing, golden.detection, golden.provenance)
    form = ExportedDetector(golden.backend, golden.model, *parts)
    assert form.with_tiling("windows").with_precision("fp32") is form
    with pytest.raises(InvalidOption, match="tiling=windows for an exported detector"):
        form.with_tiling(LONG)
    with pytest.raises(InvalidOption, match="precision=fp32 for an exported detector"):
        form.with_precision("bf16")


def test_many_recordings_in_stretches_with_evidence_from_windows(
    golden: Detector,
    tmp_path: Path,
    write_edf: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("brainbrr.inference.tiling.SEGMENT_S", 20.0)
    monkeypatch.setattr("brainbrr.inference.tiling.OVERLAP_S", 4.0)
    for number, seconds in enumerate((3, 30)):
        write_edf(tmp_path / "in" / f"{number}.edf", seconds=seconds, seed=number)
    easy = Detection(0.5, 0.5, smoothing_s=0, merge_gap_s=5.0, min_duration_s=0.5)
    detector = golden.with_tiling(LONG).with_detection(easy)
    model = LoudWhere((3,), 60.0)
    output = tmp_path / "out"
    run = Annotating(detector, output, Ledger(output, {}), Settings(traces=True), model)
    outcomes = list(run.run(find_jobs(tmp_path / "in", output)))
    assert [one.state for one in outcomes] == ["done", "done"]
    # One row for the short recording and two for the long one, five times four around each event.
    n_events = sum(one.n_events for one in outcomes)
    assert n_events > 0
    assert sorted(model.batches) == [1, 1, 1] + 5 * n_events * [4]
    assert len(np.load(output / "1_trace.npy")) == 30 * 16
    assert ELECTRODES[3] in (output / "1_events.tsv").read_text()


def test_bf16_without_units_is_told_in_one_line(
    golden: Detector,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for flags, message in (("fpu avx512_bf16 sse", 0), ("fpu avx512f\nmodel name : bf16x", 1)):
        processor = tmp_path / "cpuinfo"
        processor.write_text(f"flags : {flags}\n")
        monkeypatch.setattr("brainbrr.kernels.precision.PROCESSOR", processor)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert golden.with_precision("bf16").precision == "bf16"
        assert caplog.text.count("bf16 is slower here") == message
