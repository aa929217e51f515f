"""The electrodes named are those that the answer came from."""

import numpy as np
import pytest

from brainbrr.data.recordings.recording import Recording
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.inference.detector import Detector
from brainbrr.inference.evidence import Evidence, onset_window, with_channels
from brainbrr.inference.prepared_eeg import PreparedEeg, prepared
from brainbrr.inference.rollout import RecordingWindows
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from tests.inference.loud_where import LoudWhere


def recording_of(eeg: np.ndarray, gaps: tuple[tuple[float, float], ...] = ()) -> PreparedEeg:
    observed = np.ones(N_ELECTRODES, dtype=bool)
    scale = np.ones(N_ELECTRODES, dtype=np.float32)
    return PreparedEeg(eeg, observed, 0 * scale, scale, np.array(gaps).reshape(-1, 2), ())


def loud(electrodes: tuple[int, ...], seconds: int = 20) -> PreparedEeg:
    eeg = np.zeros((N_ELECTRODES, seconds * 256), dtype=np.int16)
    eeg[list(electrodes), 8 * 256 : 12 * 256] = 1000
    return recording_of(eeg)


EVENT = Annotation((Event(8.0, 4.0),), 20.0)


def test_the_electrodes_that_the_answer_came_from_are_named(golden: Detector) -> None:
    (found,) = golden.evidence(loud((3, 7)), EVENT, backend=LoudWhere((3, 7)))
    assert set(found.channels) == {ELECTRODES[3], ELECTRODES[7]} or len(found.channels) == 1
    assert set(np.flatnonzero(found.importance > 1)) == {3, 7}
    assert with_channels(EVENT, (found,)).events[0].channels == found.channels


def test_evidence_costs_one_window_for_each_electrode_and_one(golden: Detector) -> None:
    model = LoudWhere((3,))
    golden.evidence(loud((3,)), EVENT, backend=model, batch_size=8)
    assert sum(model.batches) == N_ELECTRODES + 1
    assert max(model.batches) == 8


def test_absent_electrodes_are_never_named(golden: Detector) -> None:
    recording = loud((3, 7))
    recording.observed[7] = False
    (found,) = golden.evidence(recording, EVENT, backend=LoudWhere((3, 7)))
    assert found.channels == (ELECTRODES[3],)
    assert np.isnan(found.importance[7])
    assert found.to_json()["importance"][ELECTRODES[7]] is None


def test_where_no_electrode_matters_none_is_named(golden: Detector) -> None:
    (found,) = golden.evidence(loud(()), EVENT, backend=LoudWhere((3,)))
    assert found.channels == ()


def test_the_fewest_that_hold_half_of_the_importance() -> None:
    importance = np.zeros(N_ELECTRODES)
    importance[[2, 5, 9]] = 3.0, 2.0, 1.5
    assert Evidence(importance).channels == (ELECTRODES[2], ELECTRODES[5])
    assert Evidence(-importance).channels == ()


@pytest.mark.parametrize(("onset_s", "first_s"), [(0.0, 0.0), (9.0, 7.0), (19.5, 16.0)])
def test_the_onset_is_in_the_middle_as_far_as_the_recording_goes(
    golden: Detector, onset_s: float, first_s: float
) -> None:
    layout = RecordingWindows(loud(()), golden.windowing)
    window = onset_window(layout, Event(onset_s, 1.0))
    assert window.first == first_s * 256
    assert window.inside.sum() in {256, 128}
    assert np.flatnonzero(window.inside)[0] == (onset_s - first_s) * 256


def test_the_window_crosses_no_gap(golden: Detector) -> None:
    eeg = np.ones((N_ELECTRODES, 20 * 256), dtype=np.int16)
    layout = RecordingWindows(recording_of(eeg, ((7.0, 8.0),)), golden.windowing)
    assert onset_window(layout, Event(8.5, 2.0)).first == 8 * 256


def test_the_graph_before_and_at_onset(golden: Detector) -> None:
    generator = np.random.default_rng(0)
    recording = recording_of(generator.integers(-300, 300, (19, 5120)).astype(np.int16))
    at_start, later = golden.evidence(
        recording, Annotation((Event(0.0, 3.0), Event(9.0, 3.0)), 20.0)
    )
    assert at_start.graph_before is None
    for graph in (at_start.graph_at_onset, later.graph_before, later.graph_at_onset):
        assert graph is not None
        assert graph.shape == (N_ELECTRODES, N_ELECTRODES)
        np.testing.assert_allclose(graph, graph.T, atol=1e-6)
        assert graph.max() > 0
    assert len(later.to_json()["graph_before"]) == N_ELECTRODES


def test_annotate_names_electrodes_unless_told_not_to(golden: Detector) -> None:
    from brainbrr.events.detection import Detection

    easy = golden.with_detection(Detection(0.01, 0.01, min_duration_s=0.5))
    generator = np.random.default_rng(3)
    eeg_uv = (20 * generator.standard_normal((19, 256 * 9))).astype(np.float32)
    recording = Recording(eeg_uv, 256.0, ELECTRODES)
    with_evidence = easy.annotate(recording).events
    without = easy.annotate(recording, evidence=False).events
    assert with_evidence[0].channels
    assert [event.channels for event in without] == [()]
    assert with_evidence[0].confidence == without[0].confidence


def test_a_file_and_its_recording_in_memory_are_prepared_alike(
    golden: Detector, write_edf: object, tmp_path: object
) -> None:
    from brainbrr.data.recordings.read import read_recording

    path = write_edf(tmp_path / "a.edf")  # type: ignore[operator]
    with (
        prepared(path, golden.preparation) as on_disk,
        prepared(read_recording(path), golden.preparation) as in_memory,
    ):
        np.testing.assert_array_equal(on_disk.eeg[:, 10:900], in_memory.eeg[:, 10:900])
