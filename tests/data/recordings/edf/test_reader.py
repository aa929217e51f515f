"""Reading EDF and BDF as microvolts."""

from datetime import datetime

import numpy as np
import pytest

from brainbrr.data.recordings.edf.reader import EdfBlocks
from brainbrr.data.recordings.read import open_recording, read_recording
from brainbrr.data.recordings.refusals import (
    CompressedFile,
    HeaderMismatch,
    NoSignal,
    UnknownFormat,
    UnsupportedRate,
)
from tests.edf_writer import Channel, EdfFile, electrode_file, noise, truth, write


def test_plain_edf_gives_microvolts(tmp_path):
    file = electrode_file()
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.eeg_uv, truth(file), atol=1e-3)
    assert recording.eeg_uv.dtype == np.float32
    assert recording.rate_hz == 128
    assert recording.start == datetime(2004, 3, 2, 5, 6, 7)
    assert recording.repairs == ()
    assert recording.labels[0] == "EEG Fp1-REF"


@pytest.mark.parametrize(("first", "last"), [(0, 1), (5, 700), (127, 129), (256, 256), (0, 768)])
def test_any_stretch_equals_the_whole(tmp_path, first, last):
    path = write(tmp_path, electrode_file(stamps=range(6), reserved="EDF+C"))
    np.testing.assert_array_equal(
        open_recording(path).read(first, last), read_recording(path).eeg_uv[:, first:last]
    )


def test_bdf_is_24_bits(tmp_path, generator):
    digital = generator.integers(-8_000_000, 8_000_000, 1024).astype(np.int32)
    limits, physical = ("-8388608", "8388607"), ("-262144", "262143")
    channel = Channel(digital, "Fp1", 256, "uV", physical, limits)
    file = EdfFile([channel, Channel(digital, "Status", 256, "Boolean", limits, limits)], bdf=True)
    recording = read_recording(write(tmp_path, file, "a.bdf"))
    expected = (digital + 8388608) * (524287 / 16777215) - 262144
    np.testing.assert_allclose(recording.eeg_uv[0], expected, rtol=1e-6, atol=0.02)
    assert recording.labels == ("Fp1",)


def test_eeg_at_another_rate_is_resampled_and_other_channels_dropped(tmp_path):
    time_s = np.arange(8 * 256) / 256
    fast = np.rint(1000 * np.sin(2 * np.pi * 7 * time_s)).astype(np.int16)
    slow = np.rint(1000 * np.sin(2 * np.pi * 7 * time_s[::2])).astype(np.int16)
    channels = [Channel(fast, "EEG F3-REF"), Channel(fast, "EEG F4-REF")]
    others = [Channel(slow, "EEG C3-REF", 128), Channel(slow, "SpO2", 128, "%")]
    path = write(tmp_path, EdfFile([*channels, *others, Channel(slow, "ECG", 128)]))
    recording = read_recording(path)
    assert recording.labels == ("EEG F3-REF", "EEG F4-REF", "EEG C3-REF")
    inner = slice(200, -200)
    np.testing.assert_allclose(recording.eeg_uv[2, inner], recording.eeg_uv[0, inner], atol=0.15)
    np.testing.assert_allclose(
        open_recording(path).read(300, 900), recording.eeg_uv[:, 300:900], atol=1e-3
    )
    assert recording.repairs == ("1 EEG channels resampled to the rate of the others",
                                 "2 channels left out: not EEG")  # fmt: skip


def test_several_rates_need_a_file_size_that_fits(tmp_path, generator):
    file = EdfFile([Channel(noise(generator, 1024)), Channel(noise(generator, 512), "F3", 128)])
    with pytest.raises(HeaderMismatch, match="several rates"):
        read_recording(write(tmp_path, file.to_bytes()[:-10]))


def test_duplicate_labels_are_both_kept(tmp_path, generator):
    channels = [Channel(noise(generator, 512), "T8-P8") for _ in range(2)]
    recording = read_recording(write(tmp_path, EdfFile(channels)))
    assert recording.labels == ("T8-P8", "T8-P8")
    assert not np.array_equal(recording.eeg_uv[0], recording.eeg_uv[1])


def test_non_voltages_alone(tmp_path, generator):
    with pytest.raises(NoSignal, match="no channel has a voltage unit"):
        read_recording(
            write(tmp_path, EdfFile([Channel(noise(generator, 512), "Temp", unit="degC")]))
        )


def test_time_stamps_confirm_channels_at_several_rates(tmp_path, generator):
    channels = [Channel(noise(generator, 1024)), Channel(noise(generator, 512), "F3", 128)]
    file = EdfFile(channels, stamps=range(4), reserved="EDF+C")
    recording = read_recording(write(tmp_path, file.to_bytes()[:-10]))
    assert recording.labels == ("EEG Fp1-REF", "F3")
    np.testing.assert_allclose(recording.eeg_uv[0], channels[0].digital[:768] * 0.1, atol=1e-3)


def test_rates_at_which_no_eeg_is_recorded(tmp_path):
    with pytest.raises(UnsupportedRate, match="32 to 65536 Hz"):
        read_recording(write(tmp_path, electrode_file(record_s="100")))


@pytest.mark.parametrize(
    ("name", "refusal"), [("a.txt", UnknownFormat), ("a.edf.gz", CompressedFile)]
)
def test_extensions(tmp_path, name, refusal):
    with pytest.raises(refusal, match=r"\."):
        read_recording(write(tmp_path, b"x", name))


def test_a_missing_file_is_the_operating_system_s_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_recording(tmp_path / "none.edf")


def test_nothing_of_the_header_s_identity_leaves_the_reader(tmp_path):
    file = electrode_file(stamps=range(6), reserved="EDF+C", fixed={"date": "xx"})
    recording = read_recording(write(tmp_path, file))
    message = f"{recording.labels}{recording.repairs}{recording.start}{recording.events}"
    assert "Doe" not in message
    assert "1950" not in message


def test_utf8_and_latin1_annotations(tmp_path):
    content = electrode_file(stamps=range(6), reserved="EDF+C", notes=[(1, 1.5, "Anfall Ende")])
    latin = content.to_bytes().replace(b"Anfall Ende", b"Anfall \xfcber")
    assert read_recording(write(tmp_path, latin)).events[0].event_type == "Anfall \u00fcber"
    utf8 = content.to_bytes().replace(b"Anfall Ende", "Anfall \u00fcbr".encode())
    assert read_recording(write(tmp_path, utf8)).events[0].event_type == "Anfall \u00fcbr"


def test_reading_a_block_opens_no_more_than_its_records(tmp_path, monkeypatch):
    blocks = EdfBlocks(write(tmp_path, electrode_file(n_records=50)))
    asked = []
    original = EdfBlocks._records
    monkeypatch.setattr(
        EdfBlocks, "_records", lambda self, a, n: asked.append(n) or original(self, a, n)
    )
    blocks.read(10 * 128 + 5, 12 * 128)
    assert asked == [2]
