"""What a reviewer checked counts more, inside the recording and nowhere else."""

from brainbrr.data.windows.reviewed_spans import reviewed_spans
from tests import tiny_corpus as tiny


def test_reviewed_segments_are_united_and_end_with_the_recording() -> None:
    rows = [tiny.row(0, "train", 100.0, []), tiny.row(1, "train", 100.0, [])]
    reviewed_s = {"sub-00": [(10.0, 20.0), (15.0, 30.0), (95.0, 120.0)]}
    spans = reviewed_spans(rows, reviewed_s, weight=3.0, rate_hz=32.0)
    assert set(spans) == {"sub-00"}
    assert (spans["sub-00"].samples / 32).tolist() == [[10.0, 30.0], [95.0, 100.0]]
    assert spans["sub-00"].weight == 3.0
