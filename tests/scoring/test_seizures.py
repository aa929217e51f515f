import pytest

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.scoring.seizures import (
    boundary_error,
    by_duration,
    by_type,
    follow_seizures,
    latency,
)
from tests.scoring.conftest import annotation

REFERENCE = Annotation(
    (
        Event(100.0, 29.0, "sz_foc"),
        Event(200.0, 30.0, "sz_foc"),
        Event(300.0, 90.0, "sz_gen"),
        Event(500.0, 91.0, "sz_gen"),
        Event(700.0, 10.0, "sz"),
        Event(705.0, 50.0, "sz_foc"),
        Event(0.0, 900.0, "bckg"),
    ),
    900.0,
)
HYPOTHESIS = annotation([(95, 110), (115, 140), (230, 300), (310, 390), (590, 600)], 900)


@pytest.fixture
def seizures():
    return follow_seizures([REFERENCE], [HYPOTHESIS])


def test_each_seizure_is_followed(seizures):
    assert [one.onset_error_s for one in seizures] == [-5.0, None, 10.0, 90.0, None]
    assert [one.offset_error_s for one in seizures] == [11.0, None, 0.0, 9.0, None]


def test_latency_and_boundaries(seizures):
    assert latency(seizures) == {"median": 10.0, "p90": pytest.approx(74.0), "n": 3}
    assert boundary_error(seizures) == {
        "onset": {"median": 10.0, "median_absolute": 10.0},
        "offset": {"median": 9.0, "median_absolute": 9.0},
    }


def test_by_duration(seizures):
    assert by_duration(seizures) == {
        "<30": {"n": 1, "detected": 1, "sensitivity": 1.0},
        "30-90": {"n": 3, "detected": 1, "sensitivity": pytest.approx(1 / 3)},
        ">90": {"n": 1, "detected": 1, "sensitivity": 1.0},
    }


def test_by_type_a_united_seizure_has_its_longest_parts(seizures):
    assert by_type(seizures) == {
        "sz_foc": {"n": 3, "detected": 1, "sensitivity": pytest.approx(1 / 3)},
        "sz_gen": {"n": 2, "detected": 2, "sensitivity": 1.0},
    }


def test_nothing_found_is_undefined():
    missed = follow_seizures([annotation([(1, 2)], 10)], [annotation([], 10)])
    assert latency(missed) == {"median": None, "p90": None, "n": 0}
    assert boundary_error(missed)["onset"] == {"median": None, "median_absolute": None}
    assert by_duration([])["<30"]["sensitivity"] is None
