import pytest

from brainbrr.errors import InvalidFile, InvalidInput, NotFound
from brainbrr.events.csv_bi import write_csv_bi
from brainbrr.events.edf_annotations import write_edf_annotations
from brainbrr.events.tsv import write_tsv
from brainbrr.scoring.folders import (
    find_annotations,
    score,
    subject_of,
)
from tests.scoring.conftest import annotation

ONE = annotation([(100, 160)], 600)
NONE = annotation([], 900)
STEM = "sub-{0}/ses-01/eeg/sub-{0}_ses-01_task-szMonitoring_run-00"


@pytest.fixture
def reference(tmp_path):
    folder = tmp_path / "reference"
    write_tsv(ONE, folder / (STEM.format("01") + "_events.tsv"))
    write_tsv(NONE, folder / (STEM.format("02") + "_events.tsv"))
    (folder / "participants.tsv").write_text("participant_id\nsub-01\n")
    (folder / (STEM.format("01") + "_channels.tsv")).write_text("name\nFp1\n")
    (folder / (STEM.format("01") + "_eeg.edf")).write_text("the recording itself")
    (folder / (STEM.format("03") + "_eeg.edf")).parent.mkdir(parents=True)
    (folder / (STEM.format("03") + "_eeg.edf")).write_text("a recording nobody annotated")
    return folder


def test_a_bids_tree_against_itself_is_perfect(reference):
    scores = score(reference, reference)
    assert scores["szcore"]["event"]["pooled"]["f1"] == 1.0
    assert list(scores["subjects"]) == ["sub-01", "sub-02"]
    assert scores["files"] == {"expected": 2, "scored": 2, "missing": [], "unreferenced": []}


@pytest.mark.parametrize(
    ("write", "suffix"),
    [(write_tsv, ".tsv"), (write_csv_bi, ".csv_bi"), (write_edf_annotations, ".edf")],
)
def test_a_flat_folder_of_any_format_is_matched_by_name(reference, tmp_path, write, suffix):
    flat = tmp_path / "flat"
    for subject, events in (("01", ONE), ("02", NONE)):
        write(events, flat / (STEM.format(subject).split("/")[-1] + suffix))
    assert score(reference, flat)["szcore"]["event"]["pooled"]["f1"] == 1.0
    assert score(flat, reference)["szcore"]["event"]["pooled"]["f1"] == 1.0


def test_one_recording_in_several_formats_is_one_recording(reference, tmp_path):
    for write, suffix in ((write_tsv, ".tsv"), (write_csv_bi, ".csv_bi")):
        for subject, events in (("01", ONE), ("02", NONE)):
            write(events, tmp_path / "both" / (STEM.format(subject) + suffix))
    found = find_annotations(tmp_path / "both")
    assert [path.suffix for path in found.values()] == [".tsv", ".tsv"]
    assert score(reference, tmp_path / "both")["files"]["scored"] == 2


def test_refusals_name_the_file(reference, tmp_path):
    partly = tmp_path / "partly"
    name = STEM.format("01").split("/")[-1]
    write_tsv(ONE, partly / f"{name}.tsv")
    with pytest.raises(NotFound, match="sub-02"):
        score(reference, partly)
    assert score(reference, partly, missing="empty")["files"]["missing"] == [STEM.format("02")]
    write_tsv(ONE, partly / "other" / f"{name}.tsv")
    with pytest.raises(InvalidInput, match="other"):
        score(reference, partly, missing="empty")


def test_two_files_of_one_name_and_format_are_refused(tmp_path):
    write_tsv(ONE, tmp_path / "x_events.tsv")
    write_tsv(ONE, tmp_path / "x_eeg_events.tsv")
    with pytest.raises(InvalidInput, match=r"one \.tsv file for x"):
        find_annotations(tmp_path)


def test_an_unreadable_hypothesis_is_never_an_empty_one(reference, tmp_path):
    broken = tmp_path / "broken"
    write_tsv(NONE, broken / (STEM.format("02") + ".tsv"))
    (broken / (STEM.format("01") + ".tsv")).parent.mkdir(parents=True)
    (broken / (STEM.format("01") + ".tsv")).write_text("onset\tduration\nten\t5\n")
    with pytest.raises(InvalidFile, match="sub-01"):
        score(reference, broken, missing="empty")


def test_a_hypothesis_of_another_length_is_refused(reference, tmp_path):
    write_tsv(annotation([], 601), tmp_path / "h" / (STEM.format("01") + ".tsv"))
    with pytest.raises(InvalidInput, match="sub-01"):
        score(reference, tmp_path / "h", missing="empty")


def test_hypotheses_nobody_asked_for_are_told(reference, tmp_path):
    for name in (STEM.format("01"), STEM.format("02"), "sub-99"):
        events = ONE if name == STEM.format("01") else NONE
        write_tsv(events, tmp_path / "more" / f"{name}.tsv")
    assert score(reference, tmp_path / "more")["files"]["unreferenced"] == ["sub-99"]


def test_folders_without_annotations_are_refused(reference, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFound, match="none below"):
        score(tmp_path / "empty", reference)
    with pytest.raises(NotFound, match="a folder of annotations"):
        score(reference, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("sub-01/ses-02/eeg/sub-01_ses-02_run-00", "sub-01"),
        ("sub-07_run-1", "sub-07"),
        ("train/aaaaaaaq/s006/03_tcp_ar_a/aaaaaaaq_s006_t000", "aaaaaaaq"),
        ("aaaaaaaq_s006_t000", "aaaaaaaq"),
        ("chb17a_03", "chb17"),
        ("PN00-1", "PN00"),
        ("patient7/night1", "patient7"),
        ("night1", "night1"),
    ],
)
def test_subject_of(name, subject):
    assert subject_of(name) == subject


def test_seizeit2_against_itself(shared_data):
    scores = score(shared_data / "seizeit2_events", shared_data / "seizeit2_events")
    assert scores["szcore"]["event"]["pooled"]["f1"] == 1.0
    assert scores["files"]["scored"] == 486


def test_another_system_is_compared(reference, tmp_path):
    for subject, duration_s in (("01", 600), ("02", 900)):
        write_tsv(annotation([], duration_s), tmp_path / "silent" / (STEM.format(subject) + ".tsv"))
    scores = score(reference, reference, against=tmp_path / "silent")
    assert scores["against"]["szcore"]["event"]["pooled"]["sensitivity"]["difference"] == 1.0
