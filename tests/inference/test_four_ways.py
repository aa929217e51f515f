"""Validation, predict, evaluate and a stream give one answer for one prepared recording.

The recording has a gap, an electrode that is bad for a while, and seconds without any electrode.
"""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from brainbrr.cli.evaluate import predict_rows
from brainbrr.data.corpora.cache import file_sha256
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.events.detection import Detection
from brainbrr.inference import annotate
from brainbrr.inference.annotator import BATCH_SIZE
from brainbrr.inference.detector import Detector
from brainbrr.inference.ledger import Ledger
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.inference.recordings import Job
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.streaming.event_tracker import EventTracker
from brainbrr.streaming.live_preparation import PreparedChunk
from brainbrr.streaming.live_trace import LiveTrace
from brainbrr.streaming.live_windows import LiveWindows
from brainbrr.training.losses import BinaryCrossEntropy
from brainbrr.training.validation import Validation, ValidationScore
from tests import tiny_corpus as tiny

RATE_HZ, SECONDS = 256, 30
RUNS_S = ((0, 17), (19, 30))
"""Seconds that were recorded; the second run has no whole number of strides."""
BAD = [["C3", 2.0, 9.0, "flat"], *([name, 9.0, 15.0, "flat"] for name in ELECTRODES)]
BATCHES_APART = 1e-6
"""What products of matrices in batches of other sizes may change of a probability: 8 steps of
float32 at 1; sums of other order in the products differ by less than one each."""


@pytest.fixture
def row(tmp_path: Path) -> ManifestRow:
    generator = np.random.default_rng(4)
    steps = generator.normal(0, 250, (19, SECONDS * RATE_HZ)).astype(np.int16)
    center_uv, scale_uv = generator.normal(0, 2, 19), generator.uniform(10, 30, 19)
    made = replace(
        tiny.row(0, "val", float(SECONDS), [[4.0, 8.0, "sz"]], gaps=[[17.0, 19.0]]),
        bad_spans=BAD, center_uv=center_uv.tolist(), scale_uv=scale_uv.tolist(),
    )  # fmt: skip
    np.save(tmp_path / made.cache_file, steps)
    return replace(made, cache_sha256=file_sha256(tmp_path / made.cache_file))


def prepared(row: ManifestRow, folder: Path) -> PreparedEeg:
    return PreparedEeg.of_row(row, np.load(folder / row.cache_file), RATE_HZ)


def validated(detector: Detector, row: ManifestRow, folder: Path) -> NDArray[np.float32]:
    validation = Validation(
        [row], folder, windowing=detector.windowing,
        options=LoaderOptions(eval_batch_size=BATCH_SIZE), loss=BinaryCrossEntropy(),
        score=lambda traces, references: ValidationScore({}, Detection()), scratch=folder,
    )  # fmt: skip
    trainer = SimpleNamespace(
        global_rank=0, world_size=1, precision_plugin=SimpleNamespace(forward_context=nullcontext)
    )
    (trace,), _ = validation.predict(trainer, SimpleNamespace(network=detector.network))
    return np.array(trace.probability)


def predicted(
    detector: Detector, row: ManifestRow, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> NDArray[np.float32]:
    monkeypatch.setattr(annotate, "prepare_to_disk", lambda *_: prepared(row, folder))
    source = folder / "a.edf"
    source.touch()
    output = folder / "out"
    settings = annotate.Settings(traces=True, evidence=False)
    run = annotate.Annotating(detector, output, Ledger(output, {}), settings, detector.backend)
    (outcome,) = run.run([Job(source, output / "a_events")])
    assert outcome.state == "done"
    return np.asarray(np.load(output / "a_trace.npy"))


class KnownScale:
    """The recording's own scale, in the place of what a stream has seen so far."""

    def __init__(self, recording: PreparedEeg) -> None:
        self._scale = recording.center_uv, recording.scale_uv

    def add(self, _: PreparedChunk) -> None:
        pass

    def read(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return self._scale


def streamed(detector: Detector, recording: PreparedEeg) -> NDArray[np.float32]:
    windowing = detector.windowing
    trace_hz = int(windowing.trace_rate_hz)
    probability = np.zeros(SECONDS * trace_hz, dtype=np.float32)
    bad = np.zeros((19, SECONDS), dtype=bool)
    for name, onset_s, offset_s, _ in BAD:
        bad[ELECTRODES.index(str(name)), int(onset_s) : int(offset_s)] = True  # type: ignore[call-overload]
    for first, last in RUNS_S:
        scale = KnownScale(recording)
        live = LiveTrace(
            LiveWindows(windowing, windowing.length, detector.backend, scale),  # type: ignore[arg-type]
            EventTracker(detector.detection, trace_hz, first),
            rate_hz=RATE_HZ, trace_rate_hz=trace_hz, onset_s=first,
        )  # fmt: skip
        updates = [
            update
            for second in range(first, last)
            for update in live.push(
                PreparedChunk(
                    recording.eeg[:, second * RATE_HZ : (second + 1) * RATE_HZ], ~bad[:, second]
                )
            )
        ]
        parts = [update.fixed.probability for update in (*updates, live.finish())]
        probability[first * trace_hz : last * trace_hz] = np.concatenate(parts)
    return probability


def largest_difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.abs(one.astype(np.float64) - other).max())


def test_validation_predict_evaluate_and_a_stream_agree(
    golden: Detector, row: ManifestRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = prepared(row, tmp_path)
    validation = validated(golden, row, tmp_path)
    same_batches = {
        "predict": predicted(golden, row, tmp_path, monkeypatch),
        "evaluate": predict_rows(golden, [row], tmp_path).traces[row.recording_id].probability,
    }
    for way, trace in same_batches.items():
        differs = f"{way} differs from validation by {largest_difference(trace, validation)}"
        assert trace.tobytes() == validation.tobytes(), differs
    stream = streamed(golden, recording)
    one_by_one = golden.trace_prepared(recording, batch_size=1).probability
    differs = f"the stream differs by {largest_difference(stream, one_by_one)}"
    assert stream.tobytes() == one_by_one.tobytes(), differs
    apart = largest_difference(one_by_one, validation)
    assert apart <= BATCHES_APART, f"batches of other sizes differ by {apart}"
    # Where no electrode is usable and in the gap 0, elsewhere an answer that varies.
    assert not validation[11 * 16 : 13 * 16].any()
    assert not validation[17 * 16 : 19 * 16].any()
    assert validation[: 9 * 16].all()
    assert validation[: 9 * 16].std() > 0


def test_evaluate_names_the_electrodes_of_each_event_unless_told_not_to(
    golden: Detector, row: ManifestRow, tmp_path: Path
) -> None:
    prepared(row, tmp_path)
    easy = golden.with_detection(Detection(0.01, 0.01, min_duration_s=0.5))
    events = predict_rows(easy, [row], tmp_path).hypotheses[row.recording_id].events
    assert events and all(event.channels for event in events)
    without = predict_rows(easy, [row], tmp_path, evidence=False).hypotheses[row.recording_id]
    assert [replace(event, channels=()) for event in events] == list(without.events)
