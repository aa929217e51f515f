"""Every real recording beside the project, held against independent readers."""

import edfio
import mne
import numpy as np
import pytest

from brainbrr.data.preparation.preparation import (
    MissingElectrodes,
    Preparation,
    plan_recording,
    prepare,
    prepare_file,
)
from brainbrr.data.recordings.read import read_recording
from brainbrr.data.recordings.recording import BlocksOfRecording
from brainbrr.data.recordings.refusals import GitLfsPointer
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.quantization import quantize


def recordings(folder):
    return sorted(folder.glob("*.edf"))


def as_edfio_reads(path):
    """Microvolts by label (of the first signal of that name) from edfio's own scaling."""
    factors = {"V": 1e6, "mV": 1e3, "uV": 1.0}
    found = {}
    for signal in edfio.read_edf(path).signals:
        found.setdefault(
            signal.label, (signal.data * factors.get(signal.physical_dimension, 1.0), signal)
        )
    return found


@pytest.mark.parametrize("folder", ["chbmit/clips", "eegmat", "odd_edf"])
def test_samples_equal_edfio_s(shared_data, folder):
    for path in recordings(shared_data / folder):
        if path.name == "lfs_pointer.edf":
            continue
        recording = read_recording(path)
        theirs = as_edfio_reads(path)
        for row, label in enumerate(recording.labels):
            expected, signal = theirs[label]
            if (
                recording.labels.index(label) == row
                and signal.sampling_frequency == recording.rate_hz
            ):
                tolerance = 1e-6 * np.abs(expected).max() + 1e-4
                np.testing.assert_allclose(recording.eeg_uv[row], expected, atol=tolerance)
        assert recording.rate_hz in {s.sampling_frequency for _, s in theirs.values()}


def test_samples_and_events_equal_mne_s(shared_data):
    for path in recordings(shared_data / "chbmit/clips")[::6] + recordings(shared_data / "eegmat"):
        recording = read_recording(path)
        raw = mne.io.read_raw_edf(path, preload=True, verbose="ERROR")
        eeg = [label for label in recording.labels if label.startswith("EEG ")][:19]
        for label in eeg:
            expected = raw.get_data(picks=[label], verbose="ERROR")[0] * 1e6
            np.testing.assert_allclose(
                recording.eeg_uv[recording.labels.index(label)], expected, atol=1e-3
            )
        assert len(recording.events) == len(raw.annotations)
        assert recording.start == raw.info["meas_date"].replace(tzinfo=None)


def test_chb_mit_clips_are_solved_from_their_bipolar_channels(shared_data, tmp_path):
    paths = recordings(shared_data / "chbmit/clips")
    assert len(paths) == 29
    for path in paths:
        recording = read_recording(path)
        header, eeg = prepare(recording, Preparation())
        assert all(header.observed)
        assert header.reference == "bipolar"
        planned = plan_recording(BlocksOfRecording(recording), Preparation())
        assert sorted(map(len, planned.plan.solution.parts)) == [3, 16]
        assert header.mains_hz in {60.0, None}
        at = dict(zip(ELECTRODES, eeg, strict=True))
        rederived = at["F7"] - at["T3"]
        whole = prepare(recording, Preparation(mains=header.mains_hz))[1]
        np.testing.assert_array_equal(whole, eeg)
        assert np.corrcoef(rederived, recording.eeg_uv[recording.labels.index("F7-T7")])[0, 1] > 0.7
        filed = prepare_file(path, Preparation(), tmp_path / "clip.npy")
        np.testing.assert_array_equal(np.load(tmp_path / "clip.npy"), quantize(eeg))
        assert filed.bad_spans == header.bad_spans


def test_eegmat_leaves_out_ears_and_heart(shared_data):
    for path in recordings(shared_data / "eegmat"):
        header, eeg = prepare(read_recording(path), Preparation())
        assert all(header.observed)
        assert header.interpolated == []
        assert header.reference == "common"
        assert len(header.source_channels) == 19
        assert not any("A2" in label or "ECG" in label for label in header.source_channels)
        assert header.mains_hz is None, "its makers notched 50 Hz"
        assert eeg.shape[1] == round(header.duration_s * 256)


EXPECTED_ODD = {
    "duplicate_channel_labels.edf": ((3, 2500), 250.0),
    "short_psg.edf": ((3, 30_000), 100.0),
    "test_edf_stim_channel.edf": ((25, 1228), 128.0),
    "test_legacy.edf": ((11, 120_000), 200.0),
    "test_subsecond.edf": ((1, 89_344), 128.0),
    "test_uneven_samp.edf": ((1, 11_000), 100.0),
    "test_utf8.edf": ((1, 89_344), 128.0),
}


def test_odd_files(shared_data):
    found = {}
    for path in recordings(shared_data / "odd_edf"):
        if path.name == "lfs_pointer.edf":
            with pytest.raises(GitLfsPointer, match="git lfs pull"):
                read_recording(path)
            continue
        recording = read_recording(path)
        found[path.name] = (recording.eeg_uv.shape, recording.rate_hz)
        assert len(recording.gaps) == 0
    assert found == EXPECTED_ODD


def test_odd_files_prepared(shared_data):
    for path in recordings(shared_data / "odd_edf"):
        if path.name == "test_edf_stim_channel.edf":
            header, _ = prepare(read_recording(path), Preparation())
            assert {reason for *_, reason in header.bad_spans} == {"flat"}
            assert header.interpolated == ["T6"]
        elif path.name != "lfs_pointer.edf":
            with pytest.raises(MissingElectrodes, match="4 or more"):
                prepare(read_recording(path), Preparation())


def test_sub_second_start(shared_data):
    recording = read_recording(shared_data / "odd_edf/test_subsecond.edf")
    assert recording.start is not None
    assert recording.start.microsecond == 394_531
    raw = mne.io.read_raw_edf(shared_data / "odd_edf/test_subsecond.edf", verbose="ERROR")
    theirs = raw.annotations.onset
    np.testing.assert_allclose([event.onset_s for event in recording.events], theirs, atol=0.5)
