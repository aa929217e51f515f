import mne
import numpy as np
import pytest

from brainbrr.errors import InvalidInput
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.tsv import read_tsv

EVENTS = (Event(50.0, 5.0, "sz_foc"), Event(10.0, 20.0, "bckg"), Event(5.0, 3.0), Event(5.0, 2.0))


def test_events_are_sorted_by_onset_then_offset():
    annotation = Annotation(EVENTS, 60.0)
    assert [event.onset_s for event in annotation.events] == [5.0, 5.0, 10.0, 50.0]
    assert [event.duration_s for event in annotation.events] == [2.0, 3.0, 20.0, 5.0]


def test_seizures_are_those_events_that_are_seizures():
    annotation = Annotation(EVENTS, 60.0)
    assert {event.event_type for event in annotation.seizures} == {"sz", "sz_foc"}
    np.testing.assert_array_equal(annotation.seizure_intervals, [[5, 7], [5, 8], [50, 55]])
    assert Annotation((), 60.0).seizure_intervals.shape == (0, 2)


@pytest.mark.parametrize("duration_s", [0.0, -1.0, float("nan")])
def test_a_recording_without_a_duration_is_refused(duration_s):
    with pytest.raises(InvalidInput, match="longer than 0 s; got"):
        Annotation((), duration_s)


def test_it_goes_to_mne_and_to_a_table(tmp_path):
    annotation = Annotation(EVENTS, 60.0)
    notes = annotation.to_mne()
    assert isinstance(notes, mne.Annotations)
    assert list(notes.onset) == [5.0, 5.0, 50.0]
    assert list(notes.description) == ["sz", "sz", "sz_foc"]
    assert Annotation.from_mne(notes, 60.0).events == annotation.seizures
    annotation.to_tsv(tmp_path / "a.tsv")
    assert read_tsv(tmp_path / "a.tsv") == annotation
