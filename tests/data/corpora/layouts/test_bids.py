from pathlib import Path

import pytest

from brainbrr.data.corpora.layouts import bids
from brainbrr.data.corpora.layouts.source import UnreadableLabels

HEADER = "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration\n"


def read(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "sub-1_task-x_events.tsv"
    path.write_text(text, encoding=encoding)
    events, duration_s = bids.read_events(path)
    return [(e.onset_s, e.duration_s, e.event_type) for e in events], duration_s


def test_finds_subjects_sessions_splits_and_events(bids_root):
    found = {s.recording_id: s for s in bids.find_recordings(bids_root)}
    assert len(found) == 6
    first = found["sub-01_ses-01_task-szMonitoring_run-00"]
    assert (first.subject, first.session, first.split) == ("sub-01", "ses-01", "train")
    assert [(e.onset_s, e.duration_s, e.event_type) for e in first.events] == [
        (2.0, 3.0, "sz_foc_ia")
    ]
    assert first.stated_duration_s == 8.0
    second = found["sub-02_ses-01_task-szMonitoring_run-00"]
    assert second.events == ()
    assert [found[name].split for name in sorted(found)][-2:] == ["val", "test"]


def test_a_recording_without_table_is_unlabelled(bids_root):
    next(bids_root.rglob("sub-03*_events.tsv")).unlink()
    found = {s.subject: s for s in bids.find_recordings(bids_root)}
    assert found["sub-03"].events is None
    assert found["sub-03"].refusal is None


def test_an_unreadable_table_refuses_its_recording_alone(bids_root):
    next(bids_root.rglob("sub-03*_events.tsv")).write_text("no table\n")
    found = {s.subject: s for s in bids.find_recordings(bids_root)}
    assert isinstance(found["sub-03"].refusal, UnreadableLabels)
    assert found["sub-01"].refusal is None


def test_derivatives_and_other_modalities_are_left_out(bids_root):
    for place in (
        "derivatives/sub-01/eeg/sub-01_task-x_eeg.edf",
        "sub-01/ses-01/eeg/sub-01_task-x_emg.edf",
    ):
        path = bids_root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert len(list(bids.find_recordings(bids_root))) == 6


def test_a_compressed_recording_is_not_overlooked(bids_root):
    path = next(bids_root.rglob("sub-02*_eeg.edf"))
    path.rename(path.with_name(path.name + ".gz"))
    found = {s.recording_id for s in bids.find_recordings(bids_root)}
    assert "sub-02_ses-01_task-szMonitoring_run-00" in found
    assert len(found) == 6


def test_byte_order_mark_extra_columns_and_other_order(tmp_path):
    columns = "\ufeffeventType\tonset\tlateralization\tduration\trecordingDuration\n"
    text = columns + "sz-foc\t5\tleft\t2.5\t60\n"
    assert read(tmp_path, text) == ([(5.0, 2.5, "sz_foc")], 60.0)


def test_offset_in_place_of_duration_and_trial_type_in_place_of_event_type(tmp_path):
    text = "onset\toffset\ttrial_type\n10\t25\tSeizure\n30\t31\tphotic\n"
    assert read(tmp_path, text) == ([(10.0, 15.0, "sz")], None)


def test_rows_that_are_no_seizures_need_no_numbers(tmp_path):
    text = HEADER + "n/a\tn/a\timpd\tn/a\tn/a\tn/a\tn/a\n0\t0\tphotic\tn/a\tn/a\tn/a\tn/a\n"
    assert read(tmp_path, text) == ([], None)


def test_a_background_row_is_no_seizure_but_tells_the_length(tmp_path):
    assert read(tmp_path, HEADER + "0.0\t90.0\tbckg\tn/a\tn/a\tn/a\t90.0\n") == ([], 90.0)


@pytest.mark.parametrize(
    "row",
    ["n/a\t5\tsz", "1\tn/a\tsz", "1\t0\tsz", "1\t-3\tsz", "one\t5\tsz", "1\t5,5\tsz", "1\tnan\tsz"],
)
def test_a_seizure_without_proper_times_is_refused(tmp_path, row):
    with pytest.raises(UnreadableLabels, match="line 2"):
        read(tmp_path, "onset\tduration\teventType\n" + row + "\n")


def test_a_table_without_the_columns_is_refused(tmp_path):
    with pytest.raises(
        UnreadableLabels, match="columns onset, duration and eventType; got .* without"
    ):
        read(tmp_path, "start\tstop\n1\t2\n")


def test_a_table_in_another_encoding_is_refused(tmp_path):
    with pytest.raises(UnreadableLabels, match="UnicodeDecodeError"):
        read(tmp_path, HEADER + "1\t2\tsz_f\xfc\n", encoding="latin-1")


def test_every_event_file_of_seizeit2_parses(shared_data):
    paths = sorted((shared_data / "seizeit2_events").rglob("*_events.tsv"))
    assert len(paths) == 486
    kinds: dict[str, int] = {}
    for path in paths:
        events, duration_s = bids.read_events(Path(path))
        assert duration_s is not None
        assert all(event.offset_s <= duration_s + 1 for event in events)
        for event in events:
            kinds[event.event_type] = kinds.get(event.event_type, 0) + 1
    assert sum(kinds.values()) == 440
    assert kinds["sz_foc_f2b"] == 18
    assert sum(count for kind, count in kinds.items() if kind.startswith("sz_foc_ia")) == 189
