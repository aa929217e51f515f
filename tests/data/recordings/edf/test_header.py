"""Each known fault of a header is repaired if a second fact confirms it, or refused by name."""

from datetime import datetime

import numpy as np
import pytest

from brainbrr.data.recordings.read import read_recording
from brainbrr.data.recordings.refusals import (
    AnnotationOnly,
    CompressedFile,
    GitLfsPointer,
    HeaderMismatch,
    NotAnEdf,
    TruncatedEdf,
    UnreadableHeader,
    UnreadableRecording,
)
from tests.edf_writer import Channel, EdfFile, electrode_file, truth, write


@pytest.mark.parametrize("declared", ["-1", "4", "60"])
def test_wrong_record_counts_are_taken_from_the_size(tmp_path, declared):
    file = electrode_file(fixed={"n_records": declared})
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.eeg_uv, truth(file), atol=1e-3)
    assert len(recording.repairs) == 1


def test_trailing_partial_record_is_left_out(tmp_path):
    file = electrode_file()
    path = write(tmp_path, file.to_bytes()[:-1000])
    recording = read_recording(path)
    np.testing.assert_allclose(recording.eeg_uv, truth(file)[:, : 5 * 128], atol=1e-3)
    assert recording.repairs == ("file ends early: 5 of 6 data records are complete",
                                 "incomplete last data record (3864 bytes) ignored")  # fmt: skip


def test_far_more_data_than_declared_is_refused(tmp_path):
    content = electrode_file(fixed={"n_records": "2"}).to_bytes() + b"\0" * 77
    with pytest.raises(HeaderMismatch, match="2 data records"):
        read_recording(write(tmp_path, content))


def test_wrong_header_length_is_mended_where_the_size_confirms_it(tmp_path):
    file = electrode_file(fixed={"header_bytes": "512"})
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.eeg_uv, truth(file), atol=1e-3)
    assert "wrong header length" in recording.repairs[0]
    with pytest.raises(HeaderMismatch, match="header length of 5120 bytes"):
        read_recording(write(tmp_path, file.to_bytes()[:-1000]))


@pytest.mark.parametrize("date", ["01:01:85", "XX.XX.XX", "31.02.20", ""])
def test_start_dates(tmp_path, date):
    recording = read_recording(write(tmp_path, electrode_file(fixed={"date": date})))
    if date == "01:01:85":
        assert recording.start == datetime(1985, 1, 1, 5, 6, 7)
    else:
        assert recording.start is None
        assert "start date or time unreadable" in recording.repairs[0]


def test_annotations_alone(tmp_path):
    blank = Channel(np.zeros(512, dtype=np.int16), "EDF Annotations")
    with pytest.raises(AnnotationOnly, match="annotations alone"):
        read_recording(write(tmp_path, EdfFile([blank])))
    with pytest.raises(AnnotationOnly, match="annotations alone"):
        read_recording(write(tmp_path, EdfFile([blank], record_s="0")))


@pytest.mark.parametrize(
    ("content", "refusal", "match"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid", GitLfsPointer, "git lfs pull"),
        (b"\x1f\x8b\x08" + b"x" * 400, CompressedFile, "Unpack"),
        (b"PK\x03\x04" + b"x" * 400, CompressedFile, "Unpack"),
        (b"", NotAnEdf, "version field"),
        (b"not an edf at all" * 40, NotAnEdf, "version field"),
        (b"1       " + b" " * 600, NotAnEdf, "version field"),
        (b"0       " + b" " * 100, TruncatedEdf, "256 bytes"),
        (b"0       " + b" " * 600, UnreadableHeader, "number of signals"),
    ],
)
def test_files_that_are_no_recordings(tmp_path, content, refusal, match):
    with pytest.raises(refusal, match=match):
        read_recording(write(tmp_path, content))


def test_cut_headers_and_bodies(tmp_path):
    content = electrode_file().to_bytes()
    for length in (3000, 5120, 5120 + 4000):
        with pytest.raises(TruncatedEdf, match="Copy the file again"):
            read_recording(write(tmp_path, content[:length]))


@pytest.mark.parametrize(
    ("fixed", "match"),
    [
        ({"record_s": "0"}, "longer than 0 s"),
        ({"record_s": "one"}, "duration of a data record"),
        ({"n_signals": "0"}, "1 to 4096 signals"),
    ],
)
def test_fields_that_everything_hangs_on(tmp_path, fixed, match):
    with pytest.raises(UnreadableHeader, match=match):
        read_recording(write(tmp_path, electrode_file(fixed=fixed)))


def test_an_unreadable_record_count_needs_whole_records(tmp_path):
    file = electrode_file(fixed={"n_records": "many"})
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.eeg_uv, truth(file), atol=1e-3)
    assert "unreadable number of data records" in recording.repairs[0]
    with pytest.raises(UnreadableHeader, match="number of data records"):
        read_recording(write(tmp_path, file.to_bytes()[:-1000]))


def test_a_damaged_version_is_mended_where_all_else_fits(tmp_path):
    file = electrode_file(fixed={"version": "?"})
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.eeg_uv, truth(file), atol=1e-3)
    assert "version" in recording.repairs[0]
    with pytest.raises(NotAnEdf, match="version field"):
        read_recording(write(tmp_path, file.to_bytes()[:-1000]))
    with pytest.raises(NotAnEdf, match="version field"):
        read_recording(
            write(tmp_path, electrode_file(bdf=True).to_bytes().replace(b"\xff", b"?", 1))
        )


def stamped_file(**fixed):
    return electrode_file(stamps=range(6), reserved="EDF+C", fixed=fixed)


@pytest.mark.parametrize(
    ("fixed", "repair"),
    [
        ({"n_records": "2"}, "its header states 2: all were read"),
        ({"n_records": "many"}, "unreadable number of data records"),
        ({"header_bytes": "512"}, "wrong header length"),
    ],
)
def test_time_stamps_confirm_what_the_size_of_a_cut_file_cannot(tmp_path, fixed, repair):
    content = stamped_file(**fixed).to_bytes()[:-1000]
    recording = read_recording(write(tmp_path, content))
    expected = truth(stamped_file())[:, : 5 * 128]
    np.testing.assert_allclose(recording.eeg_uv, expected, atol=1e-3)
    assert any(repair in message for message in recording.repairs)
    garbled = content.replace(b"\x14\x14", b"x\x14")
    with pytest.raises(UnreadableRecording, match="Export the recording again"):
        read_recording(write(tmp_path, garbled))


@pytest.mark.parametrize("message", ["0", "one", "-0"])
def test_a_record_length_that_is_none_is_taken_from_the_time_stamps(tmp_path, message):
    file = electrode_file(stamps=[0, 2, 4, 6, 8, 10], reserved="EDF+C", record_s=message)
    recording = read_recording(write(tmp_path, file))
    assert recording.rate_hz == 64.0
    assert recording.duration_s == 12.0
    assert recording.repairs == ("duration of a data record derived from the timestamps",)
    uneven = electrode_file(stamps=[0, 2, 4, 6, 8, 30], reserved="EDF+D", record_s=message)
    with pytest.raises(UnreadableHeader, match="duration of a data record|longer than 0 s"):
        read_recording(write(tmp_path, uneven))
