"""Agreement of a form with its original counts what differs, and hides nothing."""

from types import SimpleNamespace

import numpy as np
import pytest

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.export.parity import agreement, agreements, difference_on_windows, selftest_recording
from brainbrr.inference.detector import Detector
from tests.inference.conftest import GOLDEN


class Form:
    """Gives a known trace and known events."""

    def __init__(self, probability, *events):
        self.probability, self.found = np.asarray(probability, np.float32), events

    def trace(self, source):
        return SimpleNamespace(probability=self.probability + np.float32(source))

    def events(self, trace):
        return Annotation(
            tuple(Event(onset_s, length_s) for onset_s, length_s in self.found), 100.0
        )


ORIGINAL = Form([0.0, 0.5], (10, 5), (40, 5), (70, 5))


def test_a_form_agrees_with_itself():
    result = agreement(ORIGINAL, ORIGINAL, [0, 0.25])
    assert (result.max_difference, result.mean_difference) == (0.0, 0.0)
    assert result.n_events == (6, 6)
    assert result.n_equal == result.n_overlapping == 6


def test_equal_shifted_and_missing_events_are_told_apart():
    form = Form([0.1, 0.9], (10, 5), (42, 5), (75, 5))
    result = agreement(form, ORIGINAL, [0])
    assert result.max_difference == pytest.approx(0.4)
    assert result.mean_difference == pytest.approx(0.25)
    assert (result.n_equal, result.n_overlapping) == (1, 2), "75 begins where the other ends"
    assert "3 events for 3, 2 overlap, 1 to the sample" in str(result)


def test_forms_are_compared_over_the_same_recordings_read_once():
    opened = iter([0, 0.5])
    first, second = agreements([ORIGINAL, Form([0.2, 0.5])], ORIGINAL, opened)
    assert first.max_difference == 0.0
    assert second.max_difference == pytest.approx(0.2)
    assert second.n_events == (0, 6)


@pytest.fixture(scope="module")
def detector() -> Detector:
    from brainbrr.release.artifact import load_release

    return load_release(GOLDEN, check=False)


def test_a_form_that_errs_on_absent_electrodes_or_in_batches_is_seen(detector):
    assert difference_on_windows(detector.backend, detector.backend, detector) < 1e-6

    def ignores_the_mask(windows):
        return detector.backend(windows._replace(observed=np.ones_like(windows.observed)))

    def errs_alone(windows):
        return detector.backend(windows) + np.float32(0.25 * (len(windows.eeg) == 1))

    assert difference_on_windows(ignores_the_mask, detector.backend, detector) > 1e-5
    assert difference_on_windows(errs_alone, detector.backend, detector) == pytest.approx(0.25)


def test_the_recording_of_the_selftest_grows_louder(detector):
    recording = selftest_recording(detector)
    n_windows, rest = divmod(recording.eeg_uv.shape[1], detector.windowing.length)
    assert rest == 0
    sizes = [part.std() for part in np.split(recording.eeg_uv, n_windows, axis=1)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == pytest.approx(6 * sizes[0], rel=1e-3)
