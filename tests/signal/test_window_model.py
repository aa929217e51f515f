"""Whatever maps windows to probabilities is fed the same windows, whole batches and rests alike."""

import numpy as np
import pytest
from brainbrr.signal.window_model import run_windows
from numpy.typing import NDArray

from brainbrr.signal.windows import window_spans

N, LENGTH = 19, 40


class Means:
    """Returns each window's mean over its observed electrodes, scaled, and remembers its inputs."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(
        self,
        eeg: NDArray[np.int16],
        observed: NDArray[np.bool_],
        center_uv: NDArray[np.float32],
        scale_uv: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        assert eeg.dtype == np.int16
        assert observed.shape == center_uv.shape == scale_uv.shape == eeg.shape[:2]
        self.batches.append(len(eeg))
        scaled = (eeg - center_uv[..., None]) / scale_uv[..., None]
        return np.where(observed[..., None], scaled, 0).mean(1).astype(np.float32)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_every_window_is_computed_once_whatever_the_batch(batch_size: int) -> None:
    generator = np.random.default_rng(0)
    eeg = generator.integers(-500, 500, (N, 205), dtype=np.int16)
    spans = window_spans(np.array([[0, 180], [190, 205]]), LENGTH, 20)
    observed = generator.random((len(spans), N)) < 0.8
    center = generator.standard_normal(N).astype(np.float32)
    scale = 1 + generator.random(N).astype(np.float32)
    model = Means()
    found = run_windows(
        model,
        eeg,
        spans,
        observed=observed,
        center_uv=center,
        scale_uv=scale,
        length=LENGTH,
        batch_size=batch_size,
    )
    assert sum(model.batches) == len(spans)
    assert max(model.batches) == min(batch_size, len(spans))
    for values, (start, stop), there in zip(found, spans, observed, strict=True):
        scaled = (eeg[:, start:stop] - center[:, None]) / scale[:, None]
        expected = np.where(there[:, None], scaled, 0).mean(0)
        np.testing.assert_allclose(values[: stop - start], expected, rtol=1e-5, atol=1e-4)
