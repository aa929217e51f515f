"""Formats that MNE reads for us."""

import warnings
from datetime import UTC, datetime

import mne
import numpy as np
import pytest

from brainbrr.data.preparation.preparation import Preparation, prepare, prepare_file
from brainbrr.data.recordings.mne_reader import MneBlocks
from brainbrr.data.recordings.read import from_mne, open_recording, read_recording
from brainbrr.data.recordings.recording import BlocksOfRecording
from brainbrr.data.recordings.refusals import (
    ForeignReaderFailed,
    GitLfsPointer,
    JoinedBlocks,
    NoSignal,
)
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.quantization import quantize
from brainbrr.signal.windows import recorded_spans, window_spans


@pytest.fixture
def raw():
    generator = np.random.default_rng(0)
    info = mne.create_info([*ELECTRODES, "ECG"], 200.0, ["eeg"] * 19 + ["ecg"])
    raw = mne.io.RawArray(generator.standard_normal((20, 4000)) * 30e-6, info, verbose="ERROR")
    raw.set_annotations(mne.Annotations([2.0, 5.0], [3.0, 0.0], ["one", "two"]))
    return raw


def test_raw_in_memory(raw):
    recording = from_mne(raw)
    np.testing.assert_allclose(recording.eeg_uv, raw.get_data()[:19] * 1e6, rtol=1e-5)
    assert recording.labels == ELECTRODES
    assert [(e.onset_s, e.event_type) for e in recording.events] == [(2.0, "one"), (5.0, "two")]


def test_fif(raw, tmp_path):
    path = tmp_path / "a_raw.fif"
    raw.save(path, verbose="ERROR")
    np.testing.assert_allclose(read_recording(path).eeg_uv, from_mne(raw).eeg_uv, rtol=1e-5)
    prepare_file(path, Preparation(), tmp_path / "a.npy")
    expected = quantize(prepare(read_recording(path), Preparation())[1])
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), expected)


def test_brainvision(tmp_path):
    values = np.random.default_rng(0).integers(-900, 900, (400, 2)).astype("<i2")
    (tmp_path / "a.eeg").write_bytes(values.tobytes())
    (tmp_path / "a.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile=a.eeg\n"
        "[Marker Infos]\nMk1=Comment,start,101,1,0\n"
    )
    (tmp_path / "a.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        "DataFile=a.eeg\nMarkerFile=a.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
        "NumberOfChannels=2\nSamplingInterval=5000\n[Binary Infos]\nBinaryFormat=INT_16\n"
        "[Channel Infos]\nCh1=F3,,0.1,\u00b5V\nCh2=F4,,0.1,\u00b5V\n",
        encoding="utf-8",
    )
    recording = read_recording(tmp_path / "a.vhdr")
    np.testing.assert_allclose(recording.eeg_uv, values.T * 0.1, atol=1e-3)
    assert (recording.labels, recording.rate_hz) == (("F3", "F4"), 200.0)
    assert recording.events[0].onset_s == 0.5


def test_eeglab(tmp_path):
    from scipy.io import savemat

    values = np.random.default_rng(0).standard_normal((3, 500)) * 20
    eeg = {
        "data": values, "nbchan": 3, "pnts": 500, "srate": 250.0, "trials": 1, "xmin": 0.0,
        "chanlocs": np.array([(n,) for n in ("F3", "F4", "Cz")], dtype=[("labels", object)]),
        "event": [], "epoch": [], "setname": "", "filename": "", "icawinv": [], "icaweights": [],
        "icasphere": [], "icaact": [],
    }  # fmt: skip
    savemat(tmp_path / "a.set", {"EEG": eeg})
    recording = read_recording(tmp_path / "a.set")
    np.testing.assert_allclose(recording.eeg_uv, values, rtol=1e-4, atol=1e-3)
    assert recording.labels == ("F3", "F4", "Cz")


def test_what_eeglab_cut_out_is_a_gap(tmp_path):
    from scipy.io import savemat

    fields = [("type", object), ("latency", object), ("duration", object)]
    chanlocs = np.array([(name,) for name in ("F3", "F4")], dtype=[("labels", object)])
    eeg = {
        "data": np.random.default_rng(0).standard_normal((2, 500)) * 20, "nbchan": 2, "pnts": 500,
        "srate": 250.0, "trials": 1, "xmin": 0.0, "chanlocs": chanlocs, "epoch": [], "setname": "",
        "event": np.array([("boundary", 200.5, 75.0), ("spike", 301.0, 0.0)], dtype=fields),
        "filename": "", "icawinv": [], "icaweights": [], "icasphere": [], "icaact": [],
    }  # fmt: skip
    savemat(tmp_path / "a.set", {"EEG": eeg})
    recording = read_recording(tmp_path / "a.set")
    assert recorded_spans(500, 250.0, recording.gaps).tolist() == [[0, 200], [200, 500]]
    assert [(e.onset_s, e.event_type) for e in recording.events] == [(1.2, "spike")]
    assert recording.repairs == ("2 recordings joined; times count recorded seconds only",)


NIHON_LABELS = ["FP1", "FP2", "F3", "F4", "C3", "C4", "FZ", "CZ", "PZ", "X1"]


def write_nihon_kohden(path, steps, n_blocks=1):
    """The fields MNE reads of an EEG-1100A: control block, data blocks, labels, patient, log."""
    version = b"EEG-1100A V01.00"
    head = bytearray(0x1800)
    head[:16] = head[0x81:0x91] = version
    head[0x91], head[0x17FE] = 1, 1
    head[0x92:0x96] = (0x400).to_bytes(4, "little")
    head[0x400 + 17] = n_blocks
    content = b""
    for block, part in enumerate(np.array_split(steps, n_blocks, axis=1)):
        at = 0x400 + 18 + 20 * block
        head[at : at + 4] = (len(head) + len(content)).to_bytes(4, "little")
        data = bytearray(0x27 + 10 * len(part))
        data[0x1A:0x1C] = (200).to_bytes(2, "little")
        data[0x1C:0x20] = (part.shape[1] // 20).to_bytes(4, "little")
        data[0x26] = len(part)
        data[0x27::10] = bytes(range(len(part)))
        marks = np.vstack([part, np.zeros_like(part[:1])])
        content += bytes(data) + (marks + 32768).astype("<u2").T.tobytes()
    path.write_bytes(bytes(head) + content)
    labels = "".join(f"{index:04d}={name}\n" for index, name in enumerate(NIHON_LABELS))
    path.with_suffix(".21E").write_text("[ELECTRODE]\n" + labels)
    path.with_suffix(".PNT").write_bytes(version + bytes(0x30) + b"20040302050607")
    log = bytearray(0x600)
    log[:16] = version
    log[0x91] = 1
    log[0x92:0x96] = (0x400).to_bytes(4, "little")
    log[0x401:0x411] = version
    log[0x412] = 1
    log[0x414 : 0x414 + 45] = b"Seizure".ljust(20, b"\0") + b"000003" + bytes(19)
    path.with_suffix(".LOG").write_bytes(bytes(log))


def test_nihon_kohden_with_its_midline(tmp_path):
    steps = np.random.default_rng(0).integers(-900, 900, (10, 2000))
    write_nihon_kohden(tmp_path / "a.EEG", steps)
    recording = read_recording(tmp_path / "a.EEG")
    assert recording.labels == tuple(NIHON_LABELS[:9])
    assert (recording.rate_hz, recording.duration_s) == (200.0, 10.0)
    np.testing.assert_allclose(recording.eeg_uv, steps[:9] * 6399.902 / 65535, atol=0.01)
    assert [(e.onset_s, e.event_type) for e in recording.events] == [(3.0, "Seizure")]
    header, _ = prepare(recording, Preparation(max_interpolated=0))
    assert [name for name, seen in zip(ELECTRODES, header.observed, strict=True) if seen] == [
        "Fp1", "F3", "C3", "Fz", "Cz", "Pz", "Fp2", "F4", "C4",
    ]  # fmt: skip


def test_blocks_joined_without_their_times_are_refused(tmp_path):
    steps = np.random.default_rng(0).integers(-900, 900, (10, 2000))
    write_nihon_kohden(tmp_path / "a.EEG", steps, n_blocks=2)
    with pytest.raises(JoinedBlocks, match="one unbroken recording; got 2 blocks"):
        read_recording(tmp_path / "a.EEG")


@pytest.fixture
def joined(raw):
    """Two recordings of 7.5 s and 12.5 s, the second with one note 2 s into it."""
    first, second = raw.copy().crop(0.0, 7.5, include_tmax=False), raw.copy().crop(7.5)
    second.set_annotations(mne.Annotations([2.0], [1.0], ["later"]))
    first.set_annotations(None)
    return mne.concatenate_raws([first.copy(), second.copy()], verbose="ERROR"), first, second


@pytest.mark.parametrize("as_file", [True, False])
def test_joined_recordings_are_prepared_as_if_each_were_alone(joined, tmp_path, as_file):
    whole, *parts = joined
    if as_file:
        whole.save(tmp_path / "a_raw.fif", verbose="ERROR")
    recording = read_recording(tmp_path / "a_raw.fif") if as_file else from_mne(whole)
    spans = recorded_spans(4000, 200.0, recording.gaps)
    np.testing.assert_array_equal(spans, [[0, 1500], [1500, 4000]])
    assert [(e.onset_s, e.event_type) for e in recording.events] == [(9.5, "later")]
    assert recording.repairs == ("2 recordings joined; times count recorded seconds only",)
    preparation = Preparation(mains=None)
    header, eeg_uv = prepare(recording, preparation)
    alone = np.concatenate([prepare(from_mne(part), preparation)[1] for part in parts], axis=1)
    np.testing.assert_allclose(eeg_uv, alone, atol=0.05)
    windows = window_spans(recorded_spans(len(eeg_uv[0]), 256.0, header.gaps), 1024, 512)
    assert not any(start < 1920 < stop for start, stop in windows.tolist())


@pytest.mark.parametrize("dated", [True, False])
def test_times_count_from_where_a_crop_begins(raw, tmp_path, dated):
    if dated:
        raw.set_meas_date(datetime(2020, 1, 1, tzinfo=UTC))
    raw.set_annotations(mne.Annotations([9.0, 11.0], [3.0, 1.0], ["seizure", "BAD_ACQ_SKIP"]))
    raw.crop(8.0, 14.0).save(tmp_path / "a_raw.fif", verbose="ERROR")
    recording = read_recording(tmp_path / "a_raw.fif")
    assert [(e.onset_s, e.duration_s) for e in recording.events] == [(1.0, 3.0)]
    np.testing.assert_allclose(recording.gaps, [[3.0, 4.0]])


def test_marks_at_the_ends_join_nothing(raw):
    raw.set_annotations(mne.Annotations([0.0, 20.0], [0.0, 0.0], ["BAD boundary"] * 2))
    assert from_mne(raw).repairs == ()


def test_skipped_stretches_are_gaps(raw):
    raw.set_annotations(mne.Annotations([5.0], [2.0], ["BAD_ACQ_SKIP"]))
    recording = from_mne(raw)
    np.testing.assert_allclose(recording.gaps, [[5.0, 7.0]])
    assert recording.events == ()


def test_blocks_equal_the_whole(raw, tmp_path):
    path = tmp_path / "a_raw.fif"
    raw.save(path, verbose="ERROR")
    blocks = open_recording(path)
    whole = BlocksOfRecording(read_recording(path))
    np.testing.assert_array_equal(blocks.read(100, 300), whole.read(100, 300))


@pytest.mark.parametrize("suffix", [".vhdr", ".set", ".fif", ".eeg"])
def test_what_mne_refuses_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"garbage" * 100)
    with pytest.raises(ForeignReaderFailed, match="Convert the recording to EDF"):
        read_recording(path)


def test_pointers_and_raws_without_eeg(tmp_path, raw):
    path = tmp_path / "a.set"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(GitLfsPointer, match="git lfs pull"):
        read_recording(path)
    with pytest.raises(NoSignal, match="type EEG"):
        from_mne(raw.copy().pick(["ECG"]))


def test_damaged_fif_headers_are_refused_whatever_mne_raises(raw, tmp_path):
    path = tmp_path / "a_raw.fif"
    raw.save(path, verbose="ERROR")
    original = path.read_bytes()
    generator = np.random.default_rng(0)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(40):
        content = bytearray(original)
        for at in generator.integers(0, 1500, 6):
            content[at] = int(generator.integers(256))
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read_recording(path)
        except ForeignReaderFailed:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
    assert outcomes["refused"] > 3


def test_a_missing_foreign_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_recording(tmp_path / "none.vhdr")


@pytest.mark.parametrize("as_file", [False, True])
def test_a_detectors_events_keep_confidence_and_electrodes(tmp_path, as_file):
    events = (Event(1.0, 2.0, "sz", 0.75, ("T3", "T5")), Event(4.0, 1.0, "sz_foc"))
    raw = mne.io.RawArray(
        np.zeros((2, 2560)), mne.create_info(["Fp1", "Fp2"], 256.0, "eeg"), verbose="ERROR"
    )
    raw.set_annotations(Annotation(events, 10.0).to_mne())
    if as_file:
        raw.save(tmp_path / "a_raw.fif", verbose="ERROR")
        raw = mne.io.read_raw(tmp_path / "a_raw.fif", verbose="ERROR")
    assert MneBlocks(raw).events == events
