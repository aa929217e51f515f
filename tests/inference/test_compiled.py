"""Faster forms give the same answers within their stated price."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from brainbrr.errors import InvalidOption
from brainbrr.inference.annotator import Annotator
from brainbrr.inference.compiled import PaddedBatches, choose_backend
from brainbrr.inference.detector import Detector
from brainbrr.inference.tiling import LONG
from brainbrr.release.artifact import load_release
from brainbrr.signal.window_eeg import WindowEeg

GOLDEN = Path(__file__).parents[1] / "release" / "golden" / "schema_2"
HEAVY = ("lightning", "pytorch_lightning", "torchmetrics", "tensorboard", "torch_geometric")


def windows(n: int) -> WindowEeg:
    generator = np.random.default_rng(0)
    eeg = generator.integers(-300, 300, (n, 19, 1024)).astype(np.int16)
    center = np.zeros((n, 19), np.float32)
    return WindowEeg(eeg, np.ones((n, 19), dtype=bool), center, center + 10)


def test_bf16_stays_near(golden: Detector) -> None:
    exact = golden.backend(windows(2))
    fast = golden.with_precision("bf16").backend(windows(2))
    difference = np.abs(exact - fast).max()
    assert 0 < difference < 0.02


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 0.05)])
def test_a_gpu_gives_what_the_processor_gives(
    golden: Detector, precision: str, tolerance: float
) -> None:
    form = load_release(GOLDEN, device="cuda", check=False).with_precision(precision)
    exact = golden.backend(windows(2))
    np.testing.assert_allclose(form.backend(windows(2)), exact, atol=tolerance)


def test_batches_of_a_compiled_network_are_filled_up(golden: Detector) -> None:
    sizes: list[int] = []

    class Counting:
        def __call__(self, batch: WindowEeg) -> np.ndarray:
            sizes.append(len(batch.eeg))
            return golden.backend(batch)

    fast = PaddedBatches(Counting(), 4)
    np.testing.assert_allclose(fast(windows(3)), golden.backend(windows(3)), atol=1e-6)
    assert sizes == [4]


def test_plain_is_the_detector_itself(golden: Detector) -> None:
    assert choose_backend(golden, compiled=False, batch_size=4) == golden.backend


def test_a_compiled_network_has_windows_of_one_length(golden: Detector) -> None:
    with pytest.raises(InvalidOption, match="compiled for one length"):
        choose_backend(golden.with_tiling(LONG), compiled=True, batch_size=4)


def test_an_exported_form_is_as_fast_as_it_is(golden: Detector) -> None:
    class Exported(Annotator):
        backend = golden.backend

    with pytest.raises(InvalidOption, match="exported"):
        choose_backend(Exported(), compiled=True, batch_size=4)


def test_prediction_imports_nothing_of_training() -> None:
    code = (
        "import sys, brainbrr.cli.predict, brainbrr.cli.app, brainbrr.release.hub\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
