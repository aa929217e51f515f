from pathlib import Path

import pytest

from brainbrr.data.corpora.layouts import folder
from brainbrr.data.corpora.layouts.source import UnreadableLabels, UnreadableSource
from brainbrr.data.recordings.refusals import GitLfsPointer
from brainbrr.errors import InvalidOption

SEIZURE = ((2.0, 3.0, "Seizure"), (1.0, None, "eyes open"))
NOTE = ((1.0, None, "eyes open"),)


def found(root, **options):
    return {source.recording_id: source for source in folder.find_recordings(root, **options)}


def spans(events):
    return [(event.onset_s, event.duration_s, event.event_type) for event in events]


@pytest.fixture
def root(tmp_path, write_edf):
    write_edf(tmp_path / "anna_1.edf", annotations=SEIZURE)
    write_edf(tmp_path / "anna_2.edf", annotations=NOTE)
    write_edf(tmp_path / "bert" / "day1" / "a.EDF")
    return tmp_path


def test_names_and_subjects_come_from_paths(root):
    assert {name: source.subject for name, source in found(root).items()} == {
        "anna_1": "anna", "anna_2": "anna", "bert__day1__a": "bert",
    }  # fmt: skip
    by_day = found(root / "bert", subject="day[0-9]+")
    assert by_day["day1__a"].subject == "day1"


@pytest.mark.parametrize(
    ("policy", "without_seizure"), [("positive", None), ("complete", ()), ("ignore", None)]
)
def test_what_annotations_are_worth(root, policy, without_seizure):
    sources = found(root, annotations=policy)
    assert sources["anna_2"].events == without_seizure
    assert sources["bert__day1__a"].events == without_seizure
    if policy == "ignore":
        assert sources["anna_1"].events is None
    else:
        assert spans(sources["anna_1"].events) == [(2.0, 3.0, "sz")]


def test_a_table_beside_the_recording_outweighs_its_annotations(root, write_events):
    write_events(root / "anna_1_events.tsv", (5.0, 1.0, "sz_gen"))
    (root / "anna_2.csv_bi").write_text(
        "# version = csv_v1.0.0\nchannel,start_time,stop_time,label,confidence\n"
        "TERM,1.0,2.5,seiz,1.0\n"
    )
    sources = found(root)
    assert spans(sources["anna_1"].events) == [(5.0, 1.0, "sz_gen")]
    assert spans(sources["anna_2"].events) == [(1.0, 1.5, "sz")]


def test_a_seizure_without_a_duration_is_refused(tmp_path, write_edf):
    write_edf(tmp_path / "a_1.edf", annotations=((2.0, None, "seizure"),))
    refusal = found(tmp_path)["a_1"].refusal
    assert isinstance(refusal, UnreadableLabels)
    assert "a seizure at 2 s without one" in str(refusal)


def test_a_recording_that_cannot_be_read_is_refused_by_the_reader_s_own_name(root):
    (root / "anna_1.edf").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert isinstance(found(root)["anna_1"].refusal, GitLfsPointer)
    assert found(root, annotations="ignore")["anna_1"].refusal is None


def test_hidden_files_and_a_header_s_samples_are_left_out(root):
    for name in (".hidden.edf", "x.vhdr", "x.eeg"):
        (root / name).write_bytes(b"")
    assert set(found(root, annotations="ignore")) == {"anna_1", "anna_2", "bert__day1__a", "x"}


def test_an_unknown_policy_and_a_missing_subject_are_refused(root):
    with pytest.raises(InvalidOption, match="ignore, positive, complete; got all"):
        found(root, annotations="all")
    with pytest.raises(InvalidOption, match="a subject matching pat; got anna_1.edf"):
        found(root, subject="pat")


def test_clips_of_chbmit_are_a_folder_whose_annotations_are_complete(shared_data):
    sources = found(shared_data / "chbmit" / "clips", annotations="complete")
    assert len(sources) == 29
    assert sum(source.has_seizures for source in sources.values()) == 16
    assert {source.subject for source in sources.values()} == {"chb01", "chb02", "chb03"}
    assert spans(sources["chb01_03_2986-3036s"].events) == [(10.0, 40.0, "sz")]


def test_a_recording_that_may_not_be_opened_is_refused_alone(tmp_path, write_edf, monkeypatch):
    write_edf(tmp_path / "a.edf", annotations=((1.0, 2.0, "seizure"),))
    write_edf(tmp_path / "b.edf")
    opened = Path.open

    def refusing(path, *arguments):
        if path.name == "b.edf":
            raise PermissionError("no")
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "open", refusing)
    first, second = folder.find_recordings(tmp_path)
    assert len(first.events) == 1
    with pytest.raises(UnreadableSource, match="got PermissionError. Grant access"):
        raise second.refusal
