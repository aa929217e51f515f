"""Windows put back as they come: one timeline, whether it is known from the start or grows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.signal.windows import Stitcher, read_window, stitch, window_spans

LENGTH = 16


@given(st.integers(1, 100), st.integers(1, LENGTH), st.integers(0, 2**32))
def test_stitching_is_the_inverse_of_cutting_up(n_samples: int, stride: int, seed: int) -> None:
    signal = np.random.default_rng(seed).random(n_samples, dtype=np.float32)
    recorded = np.array([[0, n_samples]])
    spans = window_spans(recorded, LENGTH, stride)
    windows = np.stack([read_window(signal, span, LENGTH)[0] for span in spans])
    np.testing.assert_allclose(stitch(windows, spans, n_samples, recorded), signal, rtol=1e-6)


@given(st.integers(LENGTH, 100), st.integers(1, LENGTH), st.integers(0, 2**32))
def test_a_growing_timeline_gives_every_bit_of_a_known_one(
    n_samples: int, stride: int, seed: int
) -> None:
    spans = window_spans(np.array([[0, n_samples]]), LENGTH, stride)
    windows = np.random.default_rng(seed).random((len(spans), LENGTH), dtype=np.float32)
    live, taken = Stitcher(0, LENGTH), []
    for values, span in zip(windows, spans, strict=True):
        live.grow(int(span[1]))
        live.add(values, span)
        taken.append(live.take(int(span[0])))  # No later window begins before this one.
    taken.append(live.mean())
    whole = stitch(windows, spans, n_samples, np.array([[0, n_samples]]))
    assert np.concatenate(taken).tobytes() == whole.tobytes()


def test_what_was_taken_stays_and_later_values_for_it_are_ignored() -> None:
    live = Stitcher(0, LENGTH)
    live.grow(LENGTH)
    live.add(np.full(LENGTH, 0.25, dtype=np.float32), np.array([0, LENGTH]))
    assert live.take(10).tolist() == pytest.approx([0.25] * 10)
    live.grow(LENGTH + 4)
    live.add(np.full(LENGTH, 0.75, dtype=np.float32), np.array([4, LENGTH + 4]))
    rest = live.mean()
    assert rest.shape == (10,)
    assert (rest[:6] > 0.25).all()
    assert rest[6:].tolist() == pytest.approx([0.75] * 4)
