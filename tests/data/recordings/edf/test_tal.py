"""Time-stamped annotation lists (EDF+ standard, 2.2.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.data.recordings.edf.tal import TimedText, read_annotations, record_time_s


@pytest.mark.parametrize(
    ("block", "time_s"),
    [
        (b"+567\x14\x14\0", 567.0),
        (b"-0.065\x14\x14\0", -0.065),
        (b"+1,5\x14\x14\0", 1.5),
        (b"+2\x15\x14\x14", 2.0),
        (b"567\x14\x14", None),
        (b"", None),
        (b"\xff\xfe", None),
        (b"+1e9\x14", None),
    ],
)
def test_record_times(block, time_s):
    assert record_time_s(block) == time_s


def test_the_standard_s_own_example():
    block = b"+180\x14Lights off\x14Close door\x14\0+993.2\x1525.5\x14Apnea\x14\0\0\0"
    assert read_annotations(block) == [
        TimedText(180.0, None, "Lights off"),
        TimedText(180.0, None, "Close door"),
        TimedText(993.2, 25.5, "Apnea"),
    ]


def test_time_keeping_lists_are_no_annotations():
    assert read_annotations(b"+0\x14\x14\0\0\0") == []


@given(st.binary(max_size=200))
def test_any_bytes_are_read(block):
    for note in read_annotations(block):
        assert note.text
