import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.errors import InvalidFile
from brainbrr.events.annotation import COLUMNS, Annotation
from brainbrr.events.event import Event
from brainbrr.events.tsv import read_tsv, write_tsv

HEADER = "onset\tduration\teventType\tconfidence\tchannels\tdateTime\trecordingDuration\n"


def table(tmp_path, text, **options):
    path = tmp_path / "events.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_tsv(path, **options)


def test_the_header_is_szcores_to_the_letter(tmp_path):
    annotation = Annotation((Event(10.0, 5.5, "sz", 0.75, ("Fp1", "F7")),), 60.0)
    write_tsv(annotation, tmp_path / "x.tsv")
    assert (tmp_path / "x.tsv").read_text() == (
        HEADER + "10.0000\t5.5000\tsz\t0.7500\tFp1,F7\tn/a\t60.0000\n"
    )
    assert "\t".join(COLUMNS) + "\n" == HEADER


def test_without_events_there_is_one_background_row(tmp_path):
    start = datetime(2026, 1, 2, 3, 4, 5)
    write_tsv(Annotation((), 60.0, start), tmp_path / "x.tsv")
    rows = (tmp_path / "x.tsv").read_text().splitlines()
    assert rows[1] == "0.0000\t60.0000\tbckg\tn/a\tn/a\t2026-01-02 03:04:05\t60.0000"
    again = read_tsv(tmp_path / "x.tsv")
    assert (again.seizures, again.start) == ((), start)


@given(
    st.lists(
        st.builds(
            Event,
            st.integers(0, 10**7).map(lambda value: value / 1e4),
            st.integers(1, 10**6).map(lambda value: value / 1e4),
            st.sampled_from(["sz", "sz_foc_ia", "sz_gen", "impd"]),
            st.none() | st.integers(0, 10**4).map(lambda value: value / 1e4),
            st.sampled_from([(), ("Fp1",), ("T3", "Cz")]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("tsv") / "x.tsv"
    annotation = Annotation(tuple(events), 2000.0)
    write_tsv(annotation, path)
    assert sorted(read_tsv(path).events, key=repr) == sorted(annotation.events, key=repr)


def test_lenient_reading(tmp_path):
    text = (
        b"\xef\xbb\xbfrecordingDuration\teventType\tonset \tvigilance\tduration\r\n"
        b"600\tsz-foc-ia\t10\tawake\t20.5\r\n"
        b"600\tSZ\t50\tn/a\t5\r\n"
        b"600\tseiz\t70\t\t5\r\n"
        b"n/a\tbckg\tn/a\t\t\r\n"
    )
    annotation = table(tmp_path, text)
    assert annotation.duration_s == 600.0
    assert [(e.onset_s, e.duration_s, e.event_type) for e in annotation.seizures] == [
        (10.0, 20.5, "sz_foc_ia"),
        (50.0, 5.0, "sz"),
        (70.0, 5.0, "sz"),
    ]


def test_offset_may_stand_in_for_duration(tmp_path):
    text = "onset\toffset\ttrial_type\n10\t25\tseizure\n"
    assert table(tmp_path, text, duration_s=60.0).seizure_intervals.tolist() == [[10.0, 25.0]]


def test_a_short_row_reads_as_missing_values(tmp_path):
    text = HEADER + "10\t5\tsz\n"
    assert len(table(tmp_path, text, duration_s=60.0).seizures) == 1


def test_what_marks_no_stretch_of_time_is_left_out(tmp_path):
    rest = "\tn/a\tn/a\tn/a\t60\n"
    rows = f"1\t0\tsz{rest}2\tn/a\timpd{rest}3\t-4\timpd{rest}"
    assert table(tmp_path, HEADER + rows).events == ()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no columns"),
        ("begin\tend\n1\t2\n", "begin, end"),
        (HEADER + "ten\t5\tsz\tn/a\tn/a\tn/a\t60\n", "ten"),
        (HEADER + "inf\t5\tsz\tn/a\tn/a\tn/a\t60\n", "not a finite number"),
        (HEADER + "1\tn/a\tsz\tn/a\tn/a\tn/a\t60\n", "the seizure at 1.0 s has no duration"),
        (HEADER + "1\t-5\tsz\tn/a\tn/a\tn/a\t60\n", "duration -5.0 s"),
        (HEADER + "1\t5\tsz\t1.5\tn/a\tn/a\t60\n", "confidence"),
        (HEADER + "1\t5\tsz\tn/a\tn/a\tn/a\tn/a\n", "recordingDuration"),
        (HEADER + "1\t5\tsz\tn/a\tn/a\tn/a\t60\n2\t5\tsz\tn/a\tn/a\tn/a\t70\n", "60.0, 70.0"),
        (b"\xff\xfe\x00bad", "UTF-8"),
    ],
)
def test_refusals(tmp_path, text, match):
    with pytest.raises(InvalidFile, match=re.compile(match, re.DOTALL)):
        table(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidFile, match=r"nowhere\.tsv"):
        read_tsv(tmp_path / "nowhere.tsv")


def test_all_of_seizeit2(shared_data):
    files = sorted((shared_data / "seizeit2_events").rglob("*_events.tsv"))
    annotations = [read_tsv(path) for path in files]
    assert len(annotations) == 486
    assert sum(len(one.seizures) for one in annotations) == 440
    assert {e.event_type.split("_")[0] for one in annotations for e in one.seizures} == {"sz"}
