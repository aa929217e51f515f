import pytest

from brainbrr.data.corpora.layouts import tusz
from brainbrr.data.corpora.layouts.source import UnreadableLabels
from brainbrr.errors import InvalidOption

HEAD = "# version = csv_v1.0.0\n# bname = x\n# duration = 2348.00 secs\n# montage_file = m\n#\n"
COLUMNS = "channel,start_time,stop_time,label,confidence\n"


@pytest.fixture
def root(tmp_path):
    for split, patient in (("train", "aaaaaaac"), ("dev", "aaaaaaad"), ("eval", "aaaaaaaq")):
        folder = tmp_path / "edf" / split / patient / "s001_2002" / "02_tcp_le"
        folder.mkdir(parents=True)
        stem = folder / f"{patient}_s001_t000"
        stem.with_suffix(".edf").write_bytes(b"")
        stem.with_suffix(".csv_bi").write_text(
            HEAD + COLUMNS + "TERM,4.9724,36.3315,SEIZ,1.0000\nTERM,36.3315,2348.0,bckg,1.0\n"
        )
        stem.with_suffix(".csv").write_text(
            HEAD + COLUMNS
            + "FP1-F7,4.0,20.0,fnsz,1.0\nF7-T3,10.0,36.0,FNSZ,1.0\nFP1-F7,20.0,30.0,gnsz,1.0\n"
            + "T3-T5,100.0,110.0,fnsz,1.0\n"
        )  # fmt: skip
    return tmp_path


def spans(source):
    return [(e.onset_s, round(e.offset_s, 4), e.event_type, e.channels) for e in source.events]


def test_patients_sessions_splits_and_binary_labels(root):
    found = {s.split: s for s in tusz.find_recordings(root)}
    assert set(found) == {"train", "dev", "eval"}
    train = found["train"]
    assert (train.recording_id, train.subject, train.session) == (
        "aaaaaaac_s001_t000", "aaaaaaac", "s001_2002",
    )  # fmt: skip
    assert spans(train) == [(4.9724, 36.3315, "sz", ())]
    assert train.stated_duration_s == 2348.0


def test_types_come_from_the_labels_of_channels(root):
    source = next(iter(tusz.find_recordings(root, labels="csv")))
    assert spans(source) == [
        (4.0, 36.0, "sz_foc", ("FP1-F7", "F7-T3")),
        (100.0, 110.0, "sz_foc", ("T3-T5",)),
        (20.0, 30.0, "sz_gen", ("FP1-F7",)),
    ]


@pytest.mark.parametrize("below", ["", "edf", "edf/train"])
def test_the_root_may_lie_anywhere_above_the_patients(root, below):
    n_expected = 1 if below == "edf/train" else 3
    assert len(list(tusz.find_recordings(root / below))) == n_expected


def test_a_missing_label_file_is_not_background(root):
    next(root.rglob("aaaaaaac*.csv_bi")).unlink()
    found = {s.split: s for s in tusz.find_recordings(root)}
    assert found["train"].events is None
    assert found["dev"].events is not None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEAD, "no line with the column names"),
        (HEAD + COLUMNS + "TERM,1.0,2.0\n", "a row that is not channel"),
        (HEAD + COLUMNS + "TERM,one,2.0,seiz,1.0\n", "a row that is not channel"),
        (HEAD + COLUMNS + "TERM,9.0,2.0,seiz,1.0\n", "ends before it begins"),
        (HEAD + COLUMNS + "TERM,nan,2.0,seiz,1.0\n", "ends before it begins"),
    ],
)
def test_unusable_labels_are_refused(tmp_path, text, fault):
    path = tmp_path / "x.csv_bi"
    path.write_text(text)
    with pytest.raises(UnreadableLabels, match=fault):
        tusz.read_labels(path)


def test_an_unusable_label_file_refuses_its_recording_alone(root):
    next(root.rglob("aaaaaaac*.csv_bi")).write_text("garbage")
    found = {s.split: s for s in tusz.find_recordings(root)}
    assert isinstance(found["train"].refusal, UnreadableLabels)
    assert found["dev"].refusal is None


def test_a_file_of_columns_alone_is_a_recording_without_seizures(tmp_path):
    path = tmp_path / "x.csv_bi"
    path.write_text(HEAD + COLUMNS)
    assert tusz.read_labels(path) == ((), 2348.0)


def test_non_epileptic_seizures_are_no_seizures(tmp_path):
    path = tmp_path / "x.csv"
    rows = "FP1-F7,1.0,9.0,nesz,1.0\nFP1-F7,20.0,30.0,FNSZ,1.0\nF7-T3,20.0,30.0,fnsz,1.0\n"
    path.write_text(HEAD + COLUMNS + rows)
    (event,), _ = tusz.read_labels(path)
    assert (event.onset_s, event.event_type) == (20.0, "sz_foc")
    assert event.channels == ("FP1-F7", "F7-T3")


def test_another_choice_of_labels_is_refused(root):
    with pytest.raises(InvalidOption, match="csv_bi or csv; got tse"):
        list(tusz.find_recordings(root, labels="tse"))
