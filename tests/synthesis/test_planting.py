import numpy as np
import pytest

from brainbrr.data.corpora.backgrounds import find_backgrounds, read_background
from brainbrr.data.corpora.layouts import folder
from brainbrr.data.recordings.read import read_recording
from brainbrr.errors import InUse, NotFound
from brainbrr.events.tsv import read_tsv
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis import SynthesisParameters, synthesize_corpus
from brainbrr.synthesis.planting import BackgroundEeg, background_uv, modelled, plant
from brainbrr.synthesis.subject import draw_subjects

RATE_HZ = 128
RATES = {"train": 60.0, "val": 60.0, "test": 60.0}


def eeg(labels, spread_uv=10.0, seconds=90):
    noise = np.random.default_rng(0).standard_normal((len(labels), seconds * RATE_HZ))
    return BackgroundEeg((spread_uv * noise + 50).astype(np.float32), tuple(labels), RATE_HZ)


def parameters(**options):
    counts = {"train": 1, "val": 0, "test": 0}
    return SynthesisParameters(
        n_subjects=counts, duration_s=60, seizures_per_hour=RATES, artefacts_per_hour=0.0, **options
    )


def planted(background, seed=0, **options):
    recipe = parameters(**options)
    return plant(np.random.default_rng(seed), background, recipe, draw_subjects(recipe)[0])


def test_nothing_but_seizures_changes_the_recording():
    background = eeg([f"{name}-REF" for name in ELECTRODES])
    result, plan = planted(background, seizure_types={"subtle": 1.0})
    change = result.signals_uv - modelled(background)[0].signals_uv
    assert plan.seizures
    untouched = np.ones(change.shape[1], dtype=bool)
    for event in plan.seizures:
        start, stop = round(event.onset_s * RATE_HZ), round(event.offset_s * RATE_HZ)
        assert np.abs(change[:, start:stop]).max() > 10
        untouched[start : stop + 60 * RATE_HZ] = False  # slow waves follow a seizure
    assert untouched.any() and np.abs(change[:, untouched]).max() < 1e-4


def test_the_montage_carries_what_is_planted_consistently():
    labels = ("Fp1-F7", "F7-T3", "T3-T5", "T5-O1", "Fp1-O1")
    background = BackgroundEeg(np.zeros((5, 90 * RATE_HZ), np.float32), labels, RATE_HZ)
    result, plan = planted(background, seizure_types={"focal": 1.0})
    assert plan.seizures and np.abs(result.signals_uv).max() > 1
    np.testing.assert_allclose(result.signals_uv[:4].sum(axis=0), result.signals_uv[4], atol=1e-3)


def test_amplitudes_follow_the_background():
    labels = [f"{name}-REF" for name in ELECTRODES]
    small, large = (background_uv(eeg(labels, spread)) for spread in (5.0, 50.0))
    assert large == pytest.approx(10 * small, rel=1e-3)
    changes = []
    for spread in (5.0, 50.0):
        background = eeg(labels, spread)
        result, _ = planted(background, seizure_types={"subtle": 1.0})
        changes.append(np.abs(result.signals_uv - modelled(background)[0].signals_uv).max())
    assert changes[1] == pytest.approx(10 * changes[0], rel=1e-2)


def test_channels_whose_fields_are_unknown_are_left_out():
    kept, matrix = modelled(eeg(["Fp1-F7", "ECG", "T7-FT9", "A1", "EEG O2-LE", "DC1"]))
    assert kept.labels == ("Fp1-F7", "EEG O2-LE") and matrix.shape == (2, 19)
    assert np.abs(np.median(kept.signals_uv, axis=1)).max() < 1e-3


@pytest.fixture
def recordings(tmp_path, write_edf):
    """Two recordings each of five people, one of whom has a labelled seizure."""
    (tmp_path / "real").mkdir()
    for person in "abcde":
        for run in "12":
            path = tmp_path / "real" / f"{person}_{run}.edf"
            write_edf(path, seconds=40, labels=("Fp1-F7", "F7-T3", "T3-T5", "T5-O1"))
    (tmp_path / "real" / "e_1_events.tsv").write_text("onset\tduration\teventType\n3.0\t20.0\tsz\n")
    return tmp_path / "real"


FRACTIONS = {"train": 0.5, "val": 0.25, "test": 0.25, "seed": 0}


def test_seizure_free_recordings_are_found_and_people_kept_apart(recordings):
    found = find_backgrounds(recordings, folder.find_recordings, **FRACTIONS)
    assert len(found) == 9 and "e_1.edf" not in {each.source for each in found}
    splits = {subject: {b.split for b in found if b.subject == subject} for subject in "abcde"}
    assert all(len(names) == 1 for names in splits.values())
    assert set.union(*splits.values()) == {"train", "val", "test"}


def test_a_folder_without_recordings_is_refused(tmp_path):
    with pytest.raises(NotFound, match="recordings without seizures"):
        find_backgrounds(tmp_path, folder.find_recordings, **FRACTIONS)


def test_a_corpus_holds_each_background_as_it_is_and_planted(recordings, tmp_path):
    found = find_backgrounds(recordings, folder.find_recordings, **FRACTIONS)
    recipe = parameters(plantings=2)
    made = synthesize_corpus(tmp_path / "out", recipe, backgrounds=found, read=read_background)
    assert len(made) == 1 + 9 * 3
    table = (tmp_path / "out" / "participants.tsv").read_text().splitlines()
    assert [row.split("\t")[2] for row in table[2:]] == ["real"] * 5
    seizures = 0
    for path in made[1:]:
        annotation = read_tsv(path.with_name(path.name.replace("_eeg.edf", "_events.tsv")))
        seizures += len(annotation.seizures)
        recording = read_recording(path)
        assert recording.labels == ("Fp1-F7", "F7-T3", "T3-T5", "T5-O1")
        assert annotation.duration_s == recording.duration_s == 40
        if path.name.endswith(("run-00_eeg.edf", "run-03_eeg.edf")):
            assert not annotation.seizures
    assert seizures > 0
    with pytest.raises(InUse, match="backgrounds"):
        synthesize_corpus(tmp_path / "out", recipe)
