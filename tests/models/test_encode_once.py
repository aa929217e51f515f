"""Long stretches: every sample once, and the windows' own numbers where they are alike."""

import numpy as np
import pytest
import torch
from torch import nn

from brainbrr.models.encode_once import FRAME, probability_once, stretch_spans
from brainbrr.models.registry import load_model
from brainbrr.models.rollout import TorchWindows
from brainbrr.signal.window_model import run_windows

N = 19


class Loudness(nn.Module):
    """A network without context: the logit is the mean over electrodes."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))
        self.lengths = []

    def forward(self, eeg, observed):
        self.lengths.append(eeg.shape[-1])
        return self.gain * eeg.sum(1) / observed.sum(1, keepdim=True)


def read(network, eeg, spans):
    return probability_once(
        network,
        eeg,
        spans,
        observed=np.ones((len(spans), N), dtype=bool),
        center_uv=np.zeros(N, dtype=np.float32),
        scale_uv=np.full(N, 30, dtype=np.float32),
    )


def noise(n_samples):
    return np.random.default_rng(0).integers(-300, 300, (N, n_samples)).astype(np.int16)


def test_a_network_without_context_gives_the_same_however_it_is_cut():
    eeg, recorded = noise(4000), np.array([[0, 1503], [2000, 4000]])
    network = Loudness()
    found = read(network, eeg, stretch_spans(recorded, rate_hz=2.0))
    expected = 1 / (1 + np.exp(-(eeg / 300).mean(0)))
    for start, stop in recorded:
        assert found[start:stop] == pytest.approx(expected[start:stop], abs=1e-6)
    assert not found[1503:2000].any()
    assert all(length % FRAME == 0 for length in network.lengths)
    assert max(network.lengths) < 600 + FRAME


def test_stretches_overlap_and_stay_within_what_was_recorded():
    recorded = np.array([[0, 1503], [2000, 2100]])
    spans = stretch_spans(recorded, rate_hz=2.0)
    assert spans.tolist() == [[0, 600], [540, 1140], [903, 1503], [2000, 2100]]


def test_a_recording_of_one_window_gets_the_windows_own_numbers():
    torch.manual_seed(0)
    network = load_model("v3_tiny").eval()
    eeg, span = noise(1600), np.array([[0, 1600]])
    windows = run_windows(
        TorchWindows(network),
        eeg,
        span,
        observed=np.ones((1, N), dtype=bool),
        center_uv=np.zeros(N, dtype=np.float32),
        scale_uv=np.full(N, 30, dtype=np.float32),
        length=1600,
        batch_size=1,
    )
    assert read(network, eeg, span) == pytest.approx(windows[0], abs=1e-6)
