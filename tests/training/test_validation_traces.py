import mmap
import weakref

import numpy as np
import pytest

from brainbrr.events.trace import Trace
from brainbrr.training.validation import on_disk


def made(n_values, seed):
    values = np.random.default_rng(seed).random(n_values, dtype=np.float32)
    return Trace(values, 16.0, [[0.0, 0.5]] if seed % 2 else [])


def test_traces_come_back_as_they_were_from_a_file(tmp_path):
    traces = [made(n_values, seed) for seed, n_values in enumerate((5, 1, 1000))]
    kept = on_disk(iter(traces), tmp_path / "run")
    for one, other in zip(traces, kept, strict=True):
        assert np.array_equal(one.probability, other.probability)
        assert (one.rate_hz, one.gaps.tolist()) == (other.rate_hz, other.gaps.tolist())
        assert origin(other.probability) is mmap.mmap
        with pytest.raises(ValueError, match="read-only"):
            other.probability[0] = 0.0


def origin(array):
    """What holds an array's values in the end."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return type(array)


def test_one_trace_at_a_time_is_in_memory(tmp_path):
    made_so_far, alive = [], []

    def traces():
        for seed in range(5):
            trace = made(100, seed)
            made_so_far.append(weakref.ref(trace))
            alive.append(sum(each() is not None for each in made_so_far))
            yield trace
            del trace

    on_disk(traces(), tmp_path)
    assert max(alive) == 2


def test_nothing_is_left_behind(tmp_path):
    kept = on_disk([made(10, 0)], tmp_path)
    assert not list(tmp_path.iterdir()) and kept[0].probability.size == 10
    assert on_disk([], tmp_path) == []
