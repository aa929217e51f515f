from datetime import datetime

import numpy as np
import pytest

from brainbrr.errors import InvalidFile
from brainbrr.events.annotation import Annotation
from brainbrr.events.edf_annotations import (
    read_edf_annotations,
    write_edf_annotations,
)
from brainbrr.events.event import Event

EVENTS = (Event(10.25, 30.5, "sz_foc_ia"), Event(100.0, 0.125, "sz"), Event(5.0, 1.0, "impd"))


@pytest.fixture
def path(tmp_path):
    start = datetime(2026, 1, 2, 3, 4, 5)
    write_edf_annotations(Annotation(EVENTS, 601.3, start), tmp_path / "x.edf")
    return tmp_path / "x.edf"


def test_what_is_written_is_read(path):
    again = read_edf_annotations(path)
    assert again.duration_s == 601.3
    assert again.start == datetime(2026, 1, 2, 3, 4, 5)
    assert set(again.events) == set(EVENTS)


def test_without_events(tmp_path):
    write_edf_annotations(Annotation((), 0.5), tmp_path / "x.edf")
    again = read_edf_annotations(tmp_path / "x.edf")
    assert (again.events, again.duration_s) == ((), 0.5)


def test_edfio_opens_it(path):
    edfio = pytest.importorskip("edfio")
    edf = edfio.read_edf(path)
    assert [one.text for one in edf.annotations] == ["recording", "impd", "sz_foc_ia", "sz"]
    seizure = edf.signals[0]
    assert (seizure.label, seizure.sampling_frequency) == ("seizure", 1.0)
    np.testing.assert_array_equal(np.flatnonzero(seizure.data > 0.5), np.arange(10, 41))


def test_mne_opens_it(path):
    mne = pytest.importorskip("mne")
    raw = mne.io.read_raw_edf(path, verbose="error")
    assert raw.n_times == 602
    assert set(raw.annotations.description) == {"recording", "sz_foc_ia", "sz", "impd"}
    alone = mne.read_annotations(path)
    assert alone.onset[list(alone.description).index("sz_foc_ia")] == pytest.approx(10.25)


def test_the_length_may_come_from_elsewhere(tmp_path):
    edfio = pytest.importorskip("edfio")
    signal = edfio.EdfSignal(np.arange(60.0), 1.0, label="x", physical_range=(0, 60))
    annotations = [
        edfio.EdfAnnotation(5.0, 10.0, "Seizure"),
        edfio.EdfAnnotation(1.0, None, "eyes"),
    ]
    edfio.Edf([signal], annotations=annotations).write(tmp_path / "y.edf")
    assert read_edf_annotations(tmp_path / "y.edf").duration_s == 60.0
    other = read_edf_annotations(tmp_path / "y.edf", 59.5)
    assert other.duration_s == 59.5
    assert other.events == (Event(5.0, 10.0, "sz"),)


def test_a_seizure_without_duration_is_refused(tmp_path):
    edfio = pytest.importorskip("edfio")
    annotations = [edfio.EdfAnnotation(5.0, None, "seiz")]
    edfio.Edf([], annotations=annotations).write(tmp_path / "y.edf")
    with pytest.raises(InvalidFile, match=r"one at 5.0 s without"):
        read_edf_annotations(tmp_path / "y.edf")


def test_a_recording_without_annotations_is_not_one_without_seizures(tmp_path):
    edfio = pytest.importorskip("edfio")
    signal = edfio.EdfSignal(np.arange(60.0), 1.0, label="x", physical_range=(0, 60))
    edfio.Edf([signal]).write(tmp_path / "y.edf")
    with pytest.raises(InvalidFile, match="no signal named EDF Annotations"):
        read_edf_annotations(tmp_path / "y.edf")


def test_other_files_are_refused(tmp_path, shared_data):
    (tmp_path / "z.edf").write_text("version https://git-lfs.github.com/spec/v1\n")
    for path in (
        tmp_path / "z.edf",
        tmp_path / "nowhere.edf",
        shared_data / "odd_edf" / "lfs_pointer.edf",
    ):
        with pytest.raises(InvalidFile, match=path.name):
            read_edf_annotations(path)
