"""Reading EDF and BDF: each known fault gives the right samples or a refusal by name."""

from datetime import datetime

import numpy as np
import pytest

from brainbrr.data.recordings.edf.reader import EdfBlocks
from brainbrr.data.recordings.read import open_recording, read_recording
from brainbrr.data.recordings.refusals import (
    AnnotationOnly,
    CompressedFile,
    CorruptRecords,
    GitLfsPointer,
    HeaderMismatch,
    NoSignal,
    NotAnEdf,
    TruncatedEdf,
    UnitNotVoltage,
    UnknownFormat,
    UnreadableHeader,
    UnreadableRecording,
    UnsupportedRate,
    ZeroRange,
)
from tests.edf_writer import Channel, EdfFile, electrode_file, noise

STEP_UV = 0.1


@pytest.fixture
def generator():
    return np.random.default_rng(7)


def write(tmp_path, content, name="a.edf"):
    path = tmp_path / name
    path.write_bytes(content.to_bytes() if isinstance(content, EdfFile) else content)
    return path


def truth(file):
    return np.stack([c.digital for c in file.channels]).astype(np.float64) * STEP_UV


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


@pytest.mark.parametrize(
    ("unit", "factor"), [("uV", 1), ("mV", 1e3), ("V", 1e6), ("\xb5V", 1), ("UV", 1), ("nV", 1e-3)]
)
def test_units(tmp_path, generator, unit, factor):
    digital = noise(generator, 512)
    recording = read_recording(write(tmp_path, EdfFile([Channel(digital, unit=unit)])))
    expected = digital * STEP_UV * factor
    np.testing.assert_allclose(recording.eeg_uv[0], expected, atol=1e-3 * factor)


@pytest.mark.parametrize("unit", ["", "degC", "%", "uVolts!", "kV"])
def test_unknown_units_are_refused(tmp_path, generator, unit):
    with pytest.raises(UnitNotVoltage, match="V, mV, uV or nV"):
        read_recording(write(tmp_path, EdfFile([Channel(noise(generator, 512), unit=unit)])))


def test_decimal_commas(tmp_path, generator):
    digital = noise(generator, 512)
    file = EdfFile([Channel(digital, physical=("-3276,8", "3276,7"))], record_s="1,0")
    recording = read_recording(write(tmp_path, file))
    np.testing.assert_allclose(recording.eeg_uv[0], digital * STEP_UV, atol=1e-3)


@pytest.mark.parametrize(
    "flaw",
    [
        {"physical": ("10", "10")},
        {"limits": ("5", "5")},
        {"limits": ("100", "-100")},
        {"limits": ("-99999", "32767")},
    ],
)
def test_zero_ranges_are_refused_and_one_channel_of_many_left_out(tmp_path, generator, flaw):
    flawed = Channel(noise(generator, 512), "EEG Cz-REF", **flaw)
    with pytest.raises(ZeroRange, match="digital and a physical range"):
        read_recording(write(tmp_path, EdfFile([flawed])))
    recording = read_recording(write(tmp_path, EdfFile([flawed, Channel(noise(generator, 512))])))
    assert recording.labels == ("EEG Fp1-REF",)
    assert recording.repairs == ("1 EEG channels left out: no usable range",)


def test_ranges_that_are_no_numbers(tmp_path, generator):
    flawed = Channel(noise(generator, 512), physical=("nan", "1_000"))
    with pytest.raises(UnreadableHeader, match="numbers as the channels' ranges"):
        read_recording(write(tmp_path, EdfFile([flawed])))


def test_inverted_polarity_is_kept(tmp_path, generator):
    digital = noise(generator, 512)
    recording = read_recording(
        write(tmp_path, EdfFile([Channel(digital, physical=("3276.8", "-3276.7"))]))
    )
    np.testing.assert_allclose(recording.eeg_uv[0], -digital * STEP_UV, atol=1e-2)


def test_a_large_offset_keeps_its_small_steps(tmp_path, generator):
    digital = noise(generator, 512, 5000)
    limits = ("175921", "175946")
    recording = read_recording(write(tmp_path, EdfFile([Channel(digital, physical=limits)])))
    exact = (digital + 32768.0) * 25 / 65535 + 175921
    np.testing.assert_allclose(recording.eeg_uv[0], exact, atol=0.02)


@pytest.mark.parametrize("date", ["01:01:85", "XX.XX.XX", "31.02.20", ""])
def test_start_dates(tmp_path, date):
    recording = read_recording(write(tmp_path, electrode_file(fixed={"date": date})))
    if date == "01:01:85":
        assert recording.start == datetime(1985, 1, 1, 5, 6, 7)
    else:
        assert recording.start is None
        assert "start date or time unreadable" in recording.repairs[0]


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
    assert any(repair in told for told in recording.repairs)
    garbled = content.replace(b"\x14\x14", b"x\x14")
    with pytest.raises(UnreadableRecording, match="Export the recording again"):
        read_recording(write(tmp_path, garbled))


def test_time_stamps_confirm_channels_at_several_rates(tmp_path, generator):
    channels = [Channel(noise(generator, 1024)), Channel(noise(generator, 512), "F3", 128)]
    file = EdfFile(channels, stamps=range(4), reserved="EDF+C")
    recording = read_recording(write(tmp_path, file.to_bytes()[:-10]))
    assert recording.labels == ("EEG Fp1-REF", "F3")
    np.testing.assert_allclose(recording.eeg_uv[0], channels[0].digital[:768] * 0.1, atol=1e-3)


@pytest.mark.parametrize("told", ["0", "one", "-0"])
def test_a_record_length_that_is_none_is_taken_from_the_time_stamps(tmp_path, told):
    file = electrode_file(stamps=[0, 2, 4, 6, 8, 10], reserved="EDF+C", record_s=told)
    recording = read_recording(write(tmp_path, file))
    assert recording.rate_hz == 64.0
    assert recording.duration_s == 12.0
    assert recording.repairs == ("duration of a data record derived from the timestamps",)
    uneven = electrode_file(stamps=[0, 2, 4, 6, 8, 30], reserved="EDF+D", record_s=told)
    with pytest.raises(UnreadableHeader, match="duration of a data record|longer than 0 s"):
        read_recording(write(tmp_path, uneven))


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
    told = f"{recording.labels}{recording.repairs}{recording.start}{recording.events}"
    assert "Doe" not in told
    assert "1950" not in told


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
