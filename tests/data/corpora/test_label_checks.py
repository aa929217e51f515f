from pathlib import Path

import pytest

from brainbrr.data.corpora.label_checks import label_warnings
from brainbrr.data.corpora.layouts.source import Source
from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals

NO_GAPS = as_intervals([])


def source(*spans, stated_s=None):
    events = tuple(Event(on, off - on) for on, off in spans)
    return Source("a", Path("a.edf"), "s", events=events, stated_duration_s=stated_s)


def test_ordinary_labels_raise_no_doubt():
    assert label_warnings(source((10, 60), (100, 140), stated_s=3601), 3600.0, NO_GAPS) == []
    assert label_warnings(source(), 3600.0, NO_GAPS) == []


@pytest.mark.parametrize(
    ("spans", "stated_s", "gaps", "expected"),
    [
        ([(10, 60), (50, 90)], None, [], "seizures overlap"),
        ([(10, 12)], None, [], "a seizure of 2 s"),
        ([(10, 1815)], None, [], "a seizure of 1805 s"),
        ([(0, 1100), (1200, 2300)], None, [], "55% of the recording is seizure"),
        ([(10, 60)], None, [(40, 50)], "10 s of seizure in gaps"),
        ([(10, 60)], 7200, [], "labels state 7200 s, the signal has 3600 s"),
        ([(3990, 4100)], None, [], "one from 3990 to 4100 s"),
    ],
)
def test_each_warning(spans, stated_s, gaps, expected):
    (found,) = label_warnings(
        source(*spans, stated_s=stated_s),
        4000.0 if stated_s is None else 3600.0,
        as_intervals(gaps),
    )
    assert expected in found


def test_missing_labels_are_told():
    assert label_warnings(Source("a", Path("a"), "s"), 60.0, NO_GAPS) == ["no labels"]
