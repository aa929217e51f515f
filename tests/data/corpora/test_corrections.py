import csv

import pytest

from brainbrr.data.corpora.corrections import (
    COLUMNS,
    Correction,
    apply_corrections,
    read_corrections,
)
from brainbrr.errors import InvalidFile
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event

SHOWN = Event(100.0, 30.0)
HEADER = "\t".join(COLUMNS)


def correction(action, event=SHOWN):
    return Correction("sub-01", action, event, SHOWN, "false alarm")


def table(tmp_path, *rows, header=HEADER):
    path = tmp_path / "corrections.tsv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_every_row_is_read(tmp_path):
    corrections = [
        correction("keep"),
        Correction(
            'odd\t"name"\n', "move", Event(99.25, 40.5, "sz_foc"), Event(98.0, 30.0, "sz_foc")
        ),
        Correction("sub-02", "drop", Event(1.0, 2.0), Event(1.0, 2.0), "hit"),
    ]
    with (tmp_path / "c.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(HEADER.split("\t"))
        for one in corrections:
            edges = (one.original.onset_s, one.original.duration_s)
            event = (one.event.onset_s, one.event.duration_s, one.event.event_type)
            writer.writerow([one.recording_id, *event, one.action, *edges, one.kind])
    assert read_corrections(tmp_path / "c.tsv") == corrections


def test_a_row_said_twice_alike_counts_once(tmp_path):
    row = "sub-01\t100\t30\tsz\tkeep\t100\t30\thit"
    assert len(read_corrections(table(tmp_path, row, row))) == 1


@pytest.mark.parametrize(
    "row",
    [
        "sub-01\tsoon\t30\tsz\tkeep\t100\t30\thit",
        "sub-01\t100\t-30\tsz\tkeep\t100\t-30\thit",
        "sub-01\t100\tnan\tsz\tkeep\t100\tnan\thit",
        "sub-01\t100\t30",
    ],
)
def test_values_that_are_no_times_are_refused(tmp_path, row):
    with pytest.raises(InvalidFile, match="Download the corrections again"):
        read_corrections(table(tmp_path, row))


def test_a_missing_column_is_refused(tmp_path):
    path = table(tmp_path, "sub-01\t100", header="recording_id\tonset")
    with pytest.raises(InvalidFile, match="originalDuration"):
        read_corrections(path)


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "c.tsv").write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(InvalidFile, match="readable UTF-8 table"):
        read_corrections(tmp_path / "c.tsv")
    with pytest.raises(InvalidFile, match="readable UTF-8 table"):
        read_corrections(tmp_path / "absent.tsv")


def test_unknown_actions_and_events_that_are_no_seizures_are_refused(tmp_path):
    with pytest.raises(InvalidFile, match="one of keep, drop, move"):
        read_corrections(table(tmp_path, "sub-01\t100\t30\tsz\tmaybe\t100\t30\thit"))
    with pytest.raises(InvalidFile, match="'bckg'"):
        read_corrections(table(tmp_path, "sub-01\t100\t30\tbckg\tkeep\t100\t30\thit"))


def test_edges_change_by_move_only():
    with pytest.raises(InvalidFile, match="Use the action move"):
        correction("keep", Event(101.0, 30.0))


def test_two_verdicts_on_one_event_are_refused(tmp_path):
    rows = [f"sub-01\t100\t30\tsz\t{action}\t100\t30\thit" for action in ("keep", "drop")]
    with pytest.raises(InvalidFile, match="keep and drop of the event at 100.0 s"):
        read_corrections(table(tmp_path, *rows))


def test_the_judged_span_covers_old_and_new_edges():
    assert correction("move", Event(90.0, 20.0)).span_s == (90.0, 130.0)


@pytest.mark.parametrize(
    ("action", "new", "labels", "expected"),
    [
        ("keep", SHOWN, [], [(100.0, 30.0)]),
        ("keep", SHOWN, [(110.0, 50.0)], [(110.0, 50.0)]),
        ("drop", SHOWN, [(110.0, 50.0), (300.0, 9.0)], [(300.0, 9.0)]),
        ("drop", SHOWN, [(130.0, 50.0)], [(130.0, 50.0)]),
        ("move", Event(105.0, 60.0), [(110.0, 50.0)], [(105.0, 60.0)]),
        ("move", Event(105.0, 60.0), [], [(105.0, 60.0)]),
    ],
)
def test_labels_after_review(action, new, labels, expected):
    before = Annotation(tuple(Event(*label) for label in labels), 600.0)
    after = apply_corrections(before, [correction(action, new)])
    assert [(event.onset_s, event.duration_s) for event in after.events] == expected
    assert after.duration_s == 600.0


def test_other_events_than_seizures_stay():
    background = Annotation((Event(0.0, 600.0, "bckg"),), 600.0)
    assert apply_corrections(background, [correction("drop")]) == background


def test_an_event_beyond_the_recording_is_refused():
    with pytest.raises(InvalidFile, match="100.0 to 130.0 s in sub-01"):
        apply_corrections(Annotation((), 120.0), [correction("keep")])
