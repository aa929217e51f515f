import pytest
import tiny_corpus as tiny

from brainbrr.data.corrected_rows import UnknownCorrection, corrected
from brainbrr.data.corrections import Correction
from brainbrr.events.event import Event


def test_dropped_moved_and_added_seizures_change_labels_and_weigh_what_was_judged():
    rows = [
        tiny.row(0, "train", 100.0, [[10.0, 10.0, "sz"], [50.0, 10.0, "sz_foc"]]),
        tiny.row(1, "train", 100.0, [[10.0, 10.0, "sz"]]),
        tiny.row(2, "train", 100.0, []),
    ]
    corrections = [
        Correction("sub-00", "drop", Event(10.0, 10.0), Event(10.0, 10.0)),
        Correction("sub-00", "move", Event(52.0, 12.0), Event(50.0, 10.0)),
        Correction("sub-02", "keep", Event(95.0, 5.0), Event(95.0, 5.0)),
    ]
    changed, weights = corrected(rows, corrections, weight=3.0, rate_hz=32.0)
    assert changed[0].events == [[52.0, 12.0, "sz"]]
    assert changed[1] is rows[1]
    assert changed[2].events == [[95.0, 5.0, "sz"]]
    assert set(weights) == {"sub-00", "sub-02"}
    assert (weights["sub-00"].samples / 32).tolist() == [[10.0, 20.0], [50.0, 64.0]]
    assert weights["sub-00"].weight == 3.0
    assert rows[0].events[0] == [10.0, 10.0, "sz"]


def test_a_correction_of_another_corpus_is_refused():
    correction = Correction("chb01", "keep", Event(1.0, 2.0), Event(1.0, 2.0))
    with pytest.raises(UnknownCorrection, match="1 others, chb01 first"):
        corrected([tiny.row(0, "train", 9.0, [])], [correction], weight=2.0, rate_hz=32.0)
