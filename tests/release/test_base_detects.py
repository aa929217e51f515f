"""The shipped detector keeps what it was released for: unseen subjects and a real seizure."""

from pathlib import Path

import numpy as np
import pytest
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


def test_the_probability_rises_in_a_real_seizure(base: Detector) -> None:
    (recording,) = EXAMPLES.glob("*_eeg.edf")
    table = recording.with_name(recording.name.replace("_eeg.edf", "_events.tsv"))
    (truth,) = read_tsv(table).seizures
    trace = base.trace(recording)
    onset = round(truth.onset_s * trace.rate_hz)
    before, during = np.split(trace.probability, [onset])
    assert during.mean() > 1.5 * before.mean()
    assert np.quantile(during, 0.9) > 2 * np.quantile(before, 0.9)


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
    n_pairs = ictal.sum() * (~ictal).sum()
    assert n_pairs > 0
    assert mannwhitneyu(values[ictal], values[~ictal]).statistic / n_pairs > 0.95


def test_rest_of_a_synthetic_adult_raises_no_alarm(base: Detector) -> None:
    parameters = SynthesisParameters(
        n_subjects={"train": 0, "val": 0, "test": 1},
        duration_s=300,
        seizures_per_hour={"train": 0.0, "val": 0.0, "test": 0.0},
        populations={"adult": 1.0},
        artefacts_per_hour=0.0,
        seed=4711,
    )
    made = make_recording(parameters, draw_subjects(parameters)[0], 0)
    trace = base.trace(Recording(made.signals_uv, float(made.rate_hz), made.labels))
    assert not base.events(trace).seizures
