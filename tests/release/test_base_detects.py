"""The shipped detector keeps what it was released for: unseen subjects and a real seizure."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt
from scipy.stats import mannwhitneyu

import brainbrr
from brainbrr.data.recordings.recording import Recording
from brainbrr.events.intervals import to_mask
from brainbrr.events.tsv import read_tsv
from brainbrr.inference.detector import Detector
from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.recording import make_recording
from brainbrr.synthesis.subject import draw_subjects

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def base() -> Detector:
    return brainbrr.load_detector("base")


def test_a_real_seizure_is_found_at_its_onset(base: Detector) -> None:
    (recording,) = EXAMPLES.glob("*_eeg.edf")
    table = recording.with_name(recording.name.replace("_eeg.edf", "_events.tsv"))
    (truth,) = read_tsv(table).seizures
    trace = base.trace(recording)
    (found,) = base.events(trace).seizures
    assert abs(found.onset_s - truth.onset_s) < 3
    assert found.duration_s > 7
    before, during = np.split(trace.probability, [round(truth.onset_s * trace.rate_hz)])
    assert np.quantile(during, 0.9) > 4 * np.quantile(before, 0.9)


def test_samples_of_unseen_subjects_are_told_apart(base: Detector) -> None:
    """Six subjects of five minutes each, drawn with a seed that no training run used."""
    parameters = SynthesisParameters(
        n_subjects={"train": 0, "val": 0, "test": 6},
        duration_s=300,
        seizures_per_hour={"train": 0.0, "val": 0.0, "test": 12.0},
        max_seizure_s=120.0,
        difficulty=0.5,
        seed=4711,
    )
    probability, label = [], []
    for subject in draw_subjects(parameters):
        made = make_recording(parameters, subject, 0)
        trace = base.trace(Recording(made.signals_uv, float(made.rate_hz), made.labels))
        probability.append(trace.probability)
        seizures = made.annotation.seizure_intervals
        label.append(to_mask(seizures, trace.probability.size, trace.rate_hz))
    values, ictal = np.concatenate(probability), np.concatenate(label)
    assert auroc(values, ictal) > 0.86
    assert np.median([auroc(*subject) for subject in zip(probability, label, strict=True)]) > 0.99


def auroc(values: NDArray[np.float32], ictal: NDArray[np.bool_]) -> float:
    n_pairs = int(ictal.sum()) * int((~ictal).sum())
    return float(mannwhitneyu(values[ictal], values[~ictal]).statistic) / n_pairs


@pytest.mark.parametrize("high_pass_hz", [None, 1.0, 2.0])
def test_rest_raises_no_alarm_through_any_filter(
    base: Detector, high_pass_hz: float | None
) -> None:
    """A detector that takes missing slow waves for a seizure alarms on filtered rest."""
    parameters = SynthesisParameters(
        n_subjects={"train": 0, "val": 0, "test": 1},
        duration_s=300,
        seizures_per_hour={"train": 0.0, "val": 0.0, "test": 0.0},
        populations={"adult": 1.0},
        artefacts_per_hour=0.0,
        seed=4711,
    )
    made = make_recording(parameters, draw_subjects(parameters)[0], 0)
    signals_uv, rate_hz = made.signals_uv, float(made.rate_hz)
    if high_pass_hz:
        filter_ = butter(4, high_pass_hz, "highpass", fs=rate_hz, output="sos")
        signals_uv = sosfiltfilt(filter_, signals_uv).astype(np.float32)
    trace = base.trace(Recording(signals_uv, rate_hz, made.labels))
    assert not base.events(trace).seizures
