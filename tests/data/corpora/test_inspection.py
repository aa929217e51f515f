import json
from collections import defaultdict
from functools import partial

import numpy as np
import pytest
from edfio import Edf, EdfSignal, Patient
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.data.corpora.corpus import Corpus
from brainbrr.data.corpora.inspection import DigestedBlocks, inspect_corpus, likely_unit
from brainbrr.data.corpora.layouts import bids, folder
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.recordings.read import open_recording
from brainbrr.data.recordings.recording import BlocksOfRecording, Recording
from brainbrr.signal.electrodes import ELECTRODES


def inspect(root, find=bids.find_recordings, **options):
    return inspect_corpus(
        Corpus("made", root, find, **options), Preparation(), workers=1, show_progress=False
    )


def by_name(found):
    return {recording.recording_id[:6]: recording for recording in found.recordings}


def test_recordings_and_corpus_are_described(bids_root):
    found = inspect(bids_root)
    first = by_name(found)["sub-01"]
    assert (first.split, first.duration_s, first.source_rate_hz) == ("train", 8.0, 256.0)
    assert first.reference == "common"
    assert first.observed == (True,) * 19
    assert first.source_channels[0] == "EEG Fp1-REF"
    assert first.spread_uv == pytest.approx(30.0, rel=0.1)
    assert first.unit == "as stated"
    assert first.events == ((2.0, 3.0, "sz_foc_ia"),)
    assert found.summary["splits"]["all"]["recordings"] == 6
    assert found.copies == ()
    assert found.leaks == ()
    assert not list(bids_root.parent.glob("*/*.npy"))


def test_what_would_be_quarantined_is_told_with_the_reason(bids_root, write_events):
    next(bids_root.rglob("sub-01*_eeg.edf")).write_bytes(b"broken")
    write_events(next(bids_root.rglob("sub-02*_events.tsv")), (100.0, 5.0, "sz"))
    next(bids_root.rglob("sub-03*_events.tsv")).write_text("no table\n")
    link = next(bids_root.rglob("sub-04*_eeg.edf"))
    link.unlink()
    link.symlink_to("/nonexistent")
    recordings = by_name(inspect(bids_root))
    assert recordings["sub-01"].reason == "NotAnEdf"
    assert recordings["sub-02"].reason == "LabelsBeyondRecording"
    assert recordings["sub-03"].reason == "UnreadableLabels"
    assert recordings["sub-04"].reason == "UnreadableSource"
    assert recordings["sub-05"].reason == ""


def test_missing_labels_are_a_finding(bids_root):
    next(bids_root.rglob("sub-01*_events.tsv")).unlink()
    recordings = by_name(inspect(bids_root))
    assert recordings["sub-01"].label_warnings == ("no labels",)
    assert recordings["sub-01"].events is None
    assert recordings["sub-02"].label_warnings == ()


def test_a_subject_in_two_splits_is_a_finding(tmp_path, write_edf):
    from brainbrr.data.corpora.layouts import tusz

    for split in ("train", "dev"):
        stem = tmp_path / split / "aaaaaaac" / f"s00{len(split)}" / "01_tcp_ar"
        path = write_edf(stem / f"aaaaaaac_{split}.edf", seed=len(split))
        path.with_suffix(".csv_bi").write_text("channel,start_time,stop_time,label,confidence\n")
    (leak,) = inspect(tmp_path, tusz.find_recordings).leaks
    assert "aaaaaaac in train, val" in leak


def test_the_same_signal_under_two_names_is_found_whatever_the_header_says(tmp_path, write_edf):
    write_edf(tmp_path / "anna_1.edf", seed=1, patient=Patient(name="Anna"))
    write_edf(tmp_path / "bert_1.edf", seed=1, patient=Patient(name="Bert"))
    write_edf(tmp_path / "carl_1.edf", seed=2)
    reordered = tuple(f"EEG {name}-LE" for name in ELECTRODES)[:5]
    write_edf(tmp_path / "dora_1.edf", seed=1, labels=reordered)
    found = inspect(tmp_path, partial(folder.find_recordings, annotations="complete"))
    shared = {tuple(pair["recordings"]): pair["channels"] for pair in found.copies}
    assert shared == {
        ("anna_1", "bert_1"): 19,
        ("anna_1", "dora_1"): 5,
        ("bert_1", "dora_1"): 5,
    }


def test_copies_in_two_splits_come_first(bids_root):
    content = next(bids_root.rglob("sub-01*_eeg.edf")).read_bytes()
    for subject in ("sub-02", "sub-05"):
        next(bids_root.rglob(f"{subject}*_eeg.edf")).write_bytes(content)
    found = inspect(bids_root)
    assert [pair["splits"] for pair in found.copies] == [
        ["train", "val"],
        ["train", "val"],
        ["train", "train"],
    ]


def test_flat_channels_are_no_copies(tmp_path):
    generator = np.random.default_rng(0)
    for name in ("anna", "bert"):
        signals = [
            EdfSignal(
                30 * generator.standard_normal(8 * 256) if index else np.zeros(8 * 256),
                256,
                label=f"EEG {electrode}-REF",
                physical_dimension="uV",
                physical_range=(-400, 400),
            )
            for index, electrode in enumerate(ELECTRODES)
        ]
        Edf(signals).write(tmp_path / f"{name}_1.edf")
    assert inspect(tmp_path, partial(folder.find_recordings, annotations="complete")).copies == ()


def test_a_unit_that_explains_the_amplitude_is_named(tmp_path):
    generator = np.random.default_rng(0)
    signals = [
        EdfSignal(
            0.2 * generator.standard_normal(8 * 256),
            256,
            label=f"EEG {electrode}-REF",
            physical_dimension="uV",
            physical_range=(-2, 2),
        )
        for electrode in ELECTRODES
    ]
    Edf(signals).write(tmp_path / "anna_1.edf")
    (found,) = inspect(tmp_path, folder.find_recordings, unlabelled="allow").recordings
    assert found.reason == "ImplausibleAmplitude"
    assert found.unit == "mV"


@pytest.mark.parametrize(
    ("spread_uv", "unit"),
    [(30.0, "as stated"), (0.03, "mV"), (3e-5, "V"), (3e4, "nV"), (1e9, "unclear")],
)
def test_likely_units(spread_uv, unit):
    assert likely_unit(spread_uv) == unit


def test_the_report_is_plain_json_without_digests(bids_root):
    report = json.loads(json.dumps(inspect(bids_root).as_dict(), allow_nan=False))
    assert len(report["recordings"]) == 6
    assert "digests" not in report["recordings"][0]


def test_nothing_that_identifies_a_person_is_in_the_report(tmp_path, write_edf):
    labels = (*(f"EEG {name}-REF" for name in ELECTRODES), "Zebedee 1")
    notes = ((1.0, 6.0, "seizure"), (3.0, None, "Zebedee moves"))
    write_edf(
        tmp_path / "a_1.edf",
        labels=labels,
        annotations=notes,
        patient=Patient(name="Zebedee", code="Zebedee2"),
        transducer="Zebedee 3",
    )
    found = inspect(tmp_path, folder.find_recordings)
    assert found.recordings[0].n_channels == 20
    assert len(found.recordings[0].source_channels) == 19
    assert "zebedee" not in json.dumps(found.as_dict()).lower()


def test_real_copies_are_found(shared_data):
    found = inspect(shared_data / "odd_edf", partial(folder.find_recordings, annotations="ignore"))
    assert [pair["recordings"] for pair in found.copies] == [["test_subsecond", "test_utf8"]]
    reasons = {recording.recording_id: recording.reason for recording in found.recordings}
    assert reasons["lfs_pointer"] == "GitLfsPointer"
    assert reasons["test_edf_stim_channel"] == ""


def counting_reads(monkeypatch):
    """How many samples each recording is asked for while it is inspected."""
    asked = defaultdict(list)

    def opened(path):
        blocks = open_recording(path)
        read = blocks.read

        def counted(first, last):
            asked[path.name].append(last - first)
            return read(first, last)

        blocks.read = counted
        return blocks

    monkeypatch.setattr("brainbrr.data.corpora.inspection.open_recording", opened)
    return asked


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_each_sample_is_read_once_but_for_the_search_for_mains(tmp_path, monkeypatch, scale):
    n_samples, rate_hz = 400 * 64, 64
    generator = np.random.default_rng(0)
    Edf(
        [
            EdfSignal(
                scale * 30 * generator.standard_normal(n_samples),
                rate_hz,
                label=f"EEG {electrode}-REF",
                physical_dimension="uV",
                physical_range=(-400 * scale, 400 * scale),
            )
            for electrode in ELECTRODES
        ]
    ).write(tmp_path / "anna_1.edf")
    asked = counting_reads(monkeypatch)
    (found,) = inspect(tmp_path, folder.find_recordings, unlabelled="allow").recordings
    assert found.reason == ("" if scale == 1.0 else "ImplausibleAmplitude")
    assert len(found.digests) == 19
    assert n_samples <= sum(asked["anna_1.edf"]) <= n_samples + 12 * 16 * rate_hz


N_SAMPLES, RATE_HZ = 100, 10.0


def blocks(gaps=((2.0, 3.5), (6.0, 6.5))):
    eeg_uv = 30 * np.random.default_rng(0).standard_normal((3, N_SAMPLES)).astype(np.float32)
    eeg_uv[1] = 5.0
    for start_s, stop_s in gaps:
        eeg_uv[:, int(start_s * RATE_HZ) : int(stop_s * RATE_HZ)] = 0.0
    return BlocksOfRecording(Recording(eeg_uv, RATE_HZ, ("Fp1", "Fp2", "ECG"), gaps=gaps))


@given(
    st.lists(st.tuples(st.integers(0, N_SAMPLES - 1), st.integers(1, 40)), max_size=8),
    st.booleans(),
)
def test_digests_do_not_depend_on_what_was_read_before(reads, gapless):
    gaps = () if gapless else ((2.0, 3.5), (6.0, 6.5))
    digested = DigestedBlocks(blocks(gaps), [0, 1])
    for first, n in reads:
        last = min(first + n, N_SAMPLES)
        np.testing.assert_array_equal(digested.read(first, last), blocks(gaps).read(first, last))
    assert digested.digests() == DigestedBlocks(blocks(gaps), [0, 1]).digests()
    assert digested.digests() == digested.digests()


def test_a_flat_channel_has_none_and_another_signal_another():
    (ours,) = DigestedBlocks(blocks(), [0, 1]).digests()
    (theirs,) = DigestedBlocks(blocks(), [2]).digests()
    assert ours != theirs


@pytest.mark.parametrize("first", [0, 19, 35, 66, 99])
def test_one_changed_sample_changes_the_digest(first):
    changed = blocks()
    changed._eeg_uv[0, first] += 1.0
    assert DigestedBlocks(changed, [0]).digests() != DigestedBlocks(blocks(), [0]).digests()
