import csv
import hashlib
import json

import edfio
import mne
import numpy as np
import pytest

from brainbrr.data.recordings.read import read_recording
from brainbrr.errors import InUse
from brainbrr.events.tsv import read_tsv
from brainbrr.synthesis import SynthesisParameters, synthesize_corpus
from brainbrr.synthesis.parameters import SEIZURE_TYPES
from brainbrr.synthesis.recording import make_recording
from brainbrr.synthesis.subject import draw_subjects

PARAMETERS = SynthesisParameters(
    n_subjects={"train": 2, "val": 1, "test": 1},
    n_recordings=1,
    duration_s=120,
    seizures_per_hour={"train": 30.0, "val": 30.0, "test": 30.0},
    rates_hz=(256, 200),
    montages=("common", "linked_ears", "cz", "bipolar"),
)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "corpus"
    return folder, synthesize_corpus(folder, PARAMETERS)


def test_the_layout_is_bids_eeg(corpus):
    folder, recordings = corpus
    stem = "sub-01/ses-01/eeg/sub-01_ses-01_task-szMonitoring_run-00"
    assert recordings[0] == folder / f"{stem}_eeg.edf" and len(recordings) == 4
    for ending in ("eeg.edf", "eeg.json", "channels.tsv", "events.tsv"):
        assert (folder / f"{stem}_{ending}").stat().st_size > 0
    description = json.loads((folder / "dataset_description.json").read_text())
    assert description["BIDSVersion"] and description["DatasetType"] == "raw"
    rows = list(
        csv.DictReader((folder / "participants.tsv").read_text().splitlines(), delimiter="\t")
    )
    assert [row["split"] for row in rows] == ["train", "train", "val", "test"]
    assert [row["participant_id"] for row in rows] == ["sub-01", "sub-02", "sub-03", "sub-04"]
    assert not list(folder.rglob("*.tmp"))


def test_the_same_seed_gives_the_same_bytes_in_any_number_of_processes(corpus, tmp_path):
    folder, _ = corpus
    synthesize_corpus(tmp_path / "again", PARAMETERS, workers=2)
    assert digests(tmp_path / "again") == digests(folder)


def test_another_seed_gives_other_signals():
    other = SynthesisParameters(seed=2, duration_s=20)
    same = SynthesisParameters(seed=1, duration_s=20)
    first, second = (
        make_recording(recipe, draw_subjects(recipe)[0], 0).signals_uv for recipe in (same, other)
    )
    assert first.shape == second.shape and abs(np.corrcoef(first[0], second[0])[0, 1]) < 0.5


def test_the_event_tables_hold_what_was_planted(corpus):
    _, recordings = corpus
    planted = 0
    for subject, path in zip(draw_subjects(PARAMETERS), recordings, strict=True):
        annotation = make_recording(PARAMETERS, subject, 0).annotation
        table = read_tsv(path.with_name(path.name.replace("_eeg.edf", "_events.tsv")))
        assert table.seizures == annotation.seizures
        assert table.duration_s == 120 and table.start == annotation.start
        planted += len(annotation.seizures)
    assert planted > 0


def test_edfio_and_mne_read_the_planted_signal(corpus):
    _, recordings = corpus
    for subject, path in zip(draw_subjects(PARAMETERS), recordings, strict=True):
        made = make_recording(PARAMETERS, subject, 0)
        edf = edfio.read_edf(path)
        assert tuple(signal.label for signal in edf.signals) == made.labels
        assert np.abs(edf.signals[3].data - made.signals_uv[3]).max() <= 0.051
        raw = mne.io.read_raw_edf(path, verbose="error")
        assert tuple(raw.ch_names) == made.labels and raw.info["sfreq"] == made.rate_hz
        assert np.abs(raw.get_data([3])[0] * 1e6 - made.signals_uv[3]).max() <= 0.051


def test_our_reader_reads_the_planted_signal(corpus):
    _, recordings = corpus
    made = make_recording(PARAMETERS, draw_subjects(PARAMETERS)[1], 0)
    read = read_recording(recordings[1])
    assert read.labels == made.labels and read.rate_hz == 200
    assert np.abs(read.eeg_uv - made.signals_uv).max() <= 0.051


def test_the_header_names_nobody(corpus):
    edf = edfio.read_edf(corpus[1][0])
    assert edf.patient.name == "X" and edf.patient.code == "sub-01"
    assert edf.startdate.year == 2020


def test_every_planted_event_is_named_and_only_seizures_are_scored(corpus):
    _, recordings = corpus
    named = set()
    for subject, path in zip(draw_subjects(PARAMETERS), recordings, strict=True):
        made = make_recording(PARAMETERS, subject, 0)
        table = path.with_name(path.name.replace("_eeg.edf", "_events.tsv"))
        rows = list(csv.DictReader(table.read_text().splitlines(), delimiter="\t"))
        assert tuple(row["class"] for row in rows) == (made.classes or ("n/a",))
        for row in rows:
            assert (row["class"] in SEIZURE_TYPES) == row["eventType"].startswith("sz")
            named.add(row["class"])
    assert named & set(SEIZURE_TYPES) and named - set(SEIZURE_TYPES)


def test_a_complete_corpus_is_left_as_it_is(corpus):
    folder, recordings = corpus
    times = [path.stat().st_mtime_ns for path in recordings]
    seen = []
    assert synthesize_corpus(folder, PARAMETERS, on_recording=lambda *done: seen.append(done)) == (
        recordings
    )
    assert [path.stat().st_mtime_ns for path in recordings] == times and not seen


def test_what_is_missing_is_made_again_with_the_same_bytes(corpus):
    folder, recordings = corpus
    before = digests(folder)
    recordings[1].unlink()
    events = recordings[2].with_name(recordings[2].name.replace("_eeg.edf", "_events.tsv"))
    events.unlink()
    seen = []
    synthesize_corpus(
        folder, PARAMETERS, on_recording=lambda path, *count: seen.append((path, count))
    )
    assert digests(folder) == before
    assert seen == [(recordings[1], (3, 4)), (recordings[2], (4, 4))]


def test_a_corpus_made_with_other_parameters_is_refused(corpus):
    folder, _ = corpus
    before = digests(folder)
    other = SynthesisParameters(n_recordings=1, duration_s=120, difficulty=0.9)
    with pytest.raises(InUse, match=r"n_subjects=.*difficulty=\[0\.5\].*another output folder"):
        synthesize_corpus(folder, other)
    assert digests(folder) == before


def test_a_corpus_of_another_version_of_the_recipe_is_refused(tmp_path):
    (tmp_path / "synthesis.json").write_text('{"recipe": 0, "parameters": {}}')
    with pytest.raises(InUse, match="another version of the recipe"):
        synthesize_corpus(tmp_path, PARAMETERS)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(InUse, match=r"thesis\.doc and no synthesis\.json"):
        synthesize_corpus(tmp_path, PARAMETERS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]
