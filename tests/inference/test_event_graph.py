"""The graph of an event is the network's own, averaged over the event alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from brainbrr.data.corpora.cache import read_excerpt
from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.inference.detector import Detector
from brainbrr.inference.prepared_eeg import PreparedEeg
from brainbrr.models.registry import build_model, read_model
from tests.tiny_corpus import row

RATE_HZ = 256.0


@pytest.fixture(scope="module")
def detector() -> Detector:
    torch.manual_seed(0)
    family, numbers = read_model("v3_tiny")
    network = build_model(family, **numbers).eval()
    return Detector(network, {"family": family}, Preparation(), Windowing(RATE_HZ, 10.0, 5.0))


@pytest.fixture
def signal() -> NDArray[np.int16]:
    walk = np.random.default_rng(1).standard_normal((19, round(30 * RATE_HZ))).cumsum(1)
    return np.round(walk * 10).astype(np.int16)


@pytest.fixture
def recording() -> ManifestRow:
    observed = [True] * 18 + [False]
    return row(1, "test", 30.0, [], observed=observed, gaps=[[20.0, 21.0]])


def test_a_graph_leaves_absent_electrodes_out_and_changes_with_time(
    detector: Detector, recording: ManifestRow, signal: NDArray[np.int16]
) -> None:
    prepared = PreparedEeg.of_row(recording, signal, RATE_HZ)
    graph = detector.graph_during(prepared, 12.0, 16.0)
    assert graph is not None
    assert graph.shape == (19, 19)
    assert np.isfinite(graph).all()
    assert graph[:18, :18].any()
    assert not graph[18].any()
    assert not graph[:, 18].any()
    # Windows at the edges and events longer than a window have one too, and each its own.
    for onset_s, offset_s in ((0.0, 1.0), (29.0, 30.0), (2.0, 28.0)):
        other = detector.graph_during(prepared, onset_s, offset_s)
        assert other is not None
        assert not np.array_equal(other, graph)


def test_a_network_without_a_graph_or_a_recording_without_electrodes_has_none(
    detector: Detector, recording: ManifestRow, signal: NDArray[np.int16]
) -> None:
    prepared = PreparedEeg.of_row(recording, signal, RATE_HZ)
    plain = Detector(nn.Identity(), {}, detector.preparation, detector.windowing)
    assert plain.graph_during(prepared, 1.0, 2.0) is None
    silent = row(1, "test", 30.0, [], observed=[False] * 19)
    nothing = PreparedEeg.of_row(silent, signal, RATE_HZ)
    assert detector.graph_during(nothing, 1.0, 2.0) is None


def test_an_excerpt_has_no_numbers_where_nothing_was_recorded(
    recording: ManifestRow, signal: NDArray[np.int16], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainbrr.data.corpora.cache.open_signal", lambda *_: signal)
    eeg_uv = read_excerpt(recording, "", 19.5, 22.0)
    assert eeg_uv.shape == (19, 640)
    assert np.isnan(eeg_uv[18]).all()
    missing = np.isnan(eeg_uv[0])
    np.testing.assert_array_equal(np.flatnonzero(missing), np.arange(128, 384))
