"""One head in any montage gives one answer; stretches without EEG cost no more than themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.recordings.recording import Recording
from brainbrr.data.windows.index import Windowing
from brainbrr.errors import InvalidInput
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model, read_model
from brainbrr.signal.electrodes import ELECTRODES
from tests.edf_writer import Channel, EdfFile
from tests.montages import MONTAGES, derive

RATE_HZ = 256


@pytest.fixture(scope="module")
def detector() -> Detector:
    torch.manual_seed(0)
    family, numbers = read_model("v3_tiny")
    network = build_model(family, **numbers).eval()
    return Detector(network, {"family": family, **numbers}, Preparation(), Windowing(256.0, 10, 10))


def head(seconds: int) -> np.ndarray:
    """Potentials `(19, samples)` of a smooth scalp: a few sources seen by all electrodes."""
    generator = np.random.default_rng(5)
    sources = generator.standard_normal((6, RATE_HZ * seconds)).cumsum(axis=1)
    sources -= np.linspace(0, 1, sources.shape[1]) * sources[:, -1:]
    eeg = generator.standard_normal((19, 6)) @ sources
    return eeg / eeg.std() * 30 + generator.standard_normal(eeg.shape)


def test_every_montage_of_one_head_gives_one_trace(detector: Detector, tmp_path: Path) -> None:
    """Logits of an untrained network, apart in units of their spread: 0.14 to 0.16 where the
    channels determine all differences (electrodes rounded to 0.1 uV may choose other neighbours in
    the graph), 0.44 and 0.65 where a chain leaves parts of the head unlinked."""
    eeg = head(40)
    traces = {}
    for montage, labels in MONTAGES.items():
        channels = [
            Channel(np.rint(row * 10).astype(np.int16), label, RATE_HZ)
            for label, row in zip(labels, derive(eeg, labels), strict=True)
        ]
        path = tmp_path / "a.edf"
        path.write_bytes(EdfFile(channels).to_bytes())
        probability = detector.trace(path).probability.astype(np.float64)
        traces[montage] = np.log(probability / (1 - probability))
    spread = traces["common"].std()
    apart = {
        name: float(np.abs(trace - traces["common"]).mean() / spread)
        for name, trace in traces.items()
    }
    for name in ("linked ears", "average", "Cz", "banana, linked"):
        assert apart[name] < 0.25
    assert max(apart.values()) < 1


def test_a_stretch_without_any_electrode_leaves_the_rest_annotated(detector: Detector) -> None:
    eeg = head(60)
    eeg[:, 20 * RATE_HZ : 45 * RATE_HZ] = 0.0
    trace = detector.trace(Recording(eeg.astype(np.float32), 256.0, ELECTRODES))
    probability = trace.probability.reshape(6, -1)
    assert not probability[2:4].any()
    assert probability[[0, 5]].all()


def test_a_recording_that_is_bad_in_every_window_is_refused(detector: Detector) -> None:
    eeg = head(20)
    eeg[:, : 4 * RATE_HZ] = 0.0
    eeg[:, 14 * RATE_HZ : 16 * RATE_HZ] = 0.0
    with pytest.raises(InvalidInput, match="none in any window"):
        detector.trace(Recording(eeg.astype(np.float32), 256.0, ELECTRODES))
