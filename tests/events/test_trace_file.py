from datetime import datetime

import numpy as np
import pytest

from brainbrr.errors import InvalidFile
from brainbrr.events.trace import Trace
from brainbrr.events.trace_file import load_trace, load_traces, save_trace


@pytest.mark.parametrize("start", [None, datetime(2026, 1, 2, 3, 4, 5)])
def test_a_trace_comes_back_as_it_was(tmp_path, start):
    probability = np.linspace(0, 1, 50, dtype=np.float32)
    trace = Trace(probability, 16.0, np.array([[0.5, 1.25]]), start)
    save_trace(trace, tmp_path / "sub-01_run-1_trace.npy")
    loaded = load_trace(tmp_path / "sub-01_run-1_trace.npy")
    np.testing.assert_array_equal(loaded.probability, probability)
    np.testing.assert_array_equal(loaded.gaps, trace.gaps)
    assert (loaded.rate_hz, loaded.start) == (16.0, start)
    assert list(load_traces(tmp_path)) == ["sub-01_run-1"]


def test_half_a_trace_is_refused(tmp_path):
    path = tmp_path / "x_trace.npy"
    save_trace(Trace(np.zeros(5, np.float32), 1.0, np.empty((0, 2))), path)
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(InvalidFile, match=r"a \.json of rate_hz"):
        load_trace(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(InvalidFile, match="x_trace"):
        load_traces(tmp_path)
