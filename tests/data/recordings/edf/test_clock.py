"""Timestamps become runs, gaps and events on one time axis, or a refusal by name."""

from datetime import datetime

import numpy as np
import pytest

from brainbrr.data.recordings.read import open_recording, read_recording
from brainbrr.data.recordings.refusals import (
    CorruptRecords,
)
from tests.edf_writer import electrode_file, truth, write


def test_gaps_of_edf_plus_d_stay_gaps_on_the_clock(tmp_path):
    stamps = [0, 1, 2, 12.5, 13.5, 20]
    file = electrode_file(stamps=stamps, reserved="EDF+D", notes=[(13.25, 2.0, "seizure")])
    recording = read_recording(write(tmp_path, file))
    assert recording.duration_s == 21
    np.testing.assert_allclose(recording.gaps, [[3, 12.5], [14.5, 20]])
    for record, stamp in enumerate(stamps):
        at = round(stamp * 128)
        expected = truth(file)[:, record * 128 : (record + 1) * 128]
        np.testing.assert_allclose(recording.eeg_uv[:, at : at + 128], expected, atol=1e-3)
    recorded = np.zeros(21 * 128, dtype=bool)
    for stamp in stamps:
        recorded[round(stamp * 128) : round(stamp * 128) + 128] = True
    assert not recording.eeg_uv[:, ~recorded].any()
    (event,) = recording.events
    assert (event.onset_s, event.duration_s, event.event_type) == (13.25, 2.0, "seizure")


def test_stretch_across_a_gap(tmp_path):
    path = write(tmp_path, electrode_file(stamps=[0, 1, 5, 6, 7, 8], reserved="EDF+D"))
    whole = read_recording(path).eeg_uv
    np.testing.assert_array_equal(open_recording(path).read(200, 700), whole[:, 200:700])


def test_sub_second_start_moves_the_clock_not_the_events(tmp_path):
    stamps = [0.25 + record for record in range(6)]
    file = electrode_file(stamps=stamps, reserved="EDF+C", notes=[(2.25, None, "now")])
    recording = read_recording(write(tmp_path, file))
    assert recording.start == datetime(2004, 3, 2, 5, 6, 7, 250_000)
    assert recording.events[0].onset_s == 2.0
    assert len(recording.gaps) == 0


def test_a_continuous_file_with_gaps_in_its_stamps_follows_them_and_says_so(tmp_path):
    file = electrode_file(stamps=[0, 1, 2, 3, 60, 61], reserved="EDF+C")
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.gaps, [[4, 60]])
    assert "1 gaps in a file declared continuous" in recording.repairs[-1]


def test_constant_stamps_are_ignored(tmp_path):
    recording = read_recording(write(tmp_path, electrode_file(stamps=[0] * 6, reserved="EDF+C")))
    assert recording.duration_s == 6
    assert "constant timestamps ignored" in recording.repairs[0]


@pytest.mark.parametrize(
    ("stamps", "reserved"),
    [
        ([0, 1, 2, 1.5, 4, 5], "EDF+D"),
        ([0, 1, 2, 3, 4, 5e8], "EDF+D"),
        ([0, 2, 4, 6, 8, 10], "EDF+C"),
        ([0, 0.5, 1, 1.5, 2, 2.5], "EDF+C"),
    ],
)
def test_impossible_stamps_are_refused(tmp_path, stamps, reserved):
    with pytest.raises(CorruptRecords, match="timestamps that increase"):
        read_recording(write(tmp_path, electrode_file(stamps=stamps, reserved=reserved)))


def test_discontinuous_without_stamps_is_refused(tmp_path):
    with pytest.raises(CorruptRecords, match="without timestamps"):
        read_recording(write(tmp_path, electrode_file(reserved="EDF+D")))


def test_a_damaged_stamp(tmp_path):
    for reserved, outcome in (("EDF+C", "mended"), ("EDF+D", "refused")):
        content = electrode_file(stamps=range(6), reserved=reserved).to_bytes()
        content = content.replace(b"+3\x14\x14", b"+x\x14\x14")
        path = write(tmp_path, content)
        if outcome == "mended":
            recording = read_recording(path)
            assert recording.duration_s == 6
            assert recording.repairs[0].startswith("1 damaged timestamps")
        else:
            with pytest.raises(CorruptRecords, match="1 of 6 timestamps damaged"):
                read_recording(path)
