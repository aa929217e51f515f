"""Faster forms give the same answers within their stated price."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from brainbrr.inference.compiled import FilledWindows, fast_form
from brainbrr.inference.detector import Annotator, Detector, SpeedNotOffered
from brainbrr.inference.tiling import ENCODE_ONCE
from brainbrr.release.artifact import load_release

GOLDEN = Path(__file__).parents[1] / "release" / "golden" / "schema_2"
HEAVY = ("lightning", "pytorch_lightning", "torchmetrics", "tensorboard", "torch_geometric")


def windows(n: int) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(0)
    eeg = generator.integers(-300, 300, (n, 19, 1024)).astype(np.int16)
    center = np.zeros((n, 19), np.float32)
    return eeg, np.ones((n, 19), dtype=bool), center, center + 10


def test_bf16_stays_near(golden: Detector) -> None:
    exact = golden.window_model(*windows(2))
    fast = golden.with_precision("bf16").window_model(*windows(2))
    difference = np.abs(exact - fast).max()
    assert 0 < difference < 0.02


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-3), ("bf16", 0.05)])
def test_a_gpu_gives_what_the_processor_gives(
    golden: Detector, precision: str, tolerance: float
) -> None:
    form = load_release(GOLDEN, device="cuda", check=False).with_precision(precision)
    exact = golden.window_model(*windows(2))
    np.testing.assert_allclose(form.window_model(*windows(2)), exact, atol=tolerance)


def test_batches_of_a_compiled_network_are_filled_up(golden: Detector) -> None:
    sizes: list[int] = []

    class Counting:
        network = golden.network

        def __call__(self, eeg: np.ndarray, *rest: np.ndarray) -> np.ndarray:
            sizes.append(len(eeg))
            return golden.window_model(eeg, *rest)

    fast = FilledWindows(Counting(), 4)  # type: ignore[arg-type]
    np.testing.assert_allclose(fast(*windows(3)), golden.window_model(*windows(3)), atol=1e-6)
    assert sizes == [4]


def test_plain_is_the_detector_itself(golden: Detector) -> None:
    assert fast_form(golden, compiled=False, batch_size=4) == golden.window_model


def test_a_compiled_network_has_windows_of_one_length(golden: Detector) -> None:
    with pytest.raises(SpeedNotOffered, match="compiled for one length"):
        fast_form(golden.with_reading(ENCODE_ONCE), compiled=True, batch_size=4)


def test_an_exported_form_is_as_fast_as_it_is(golden: Detector) -> None:
    class Exported(Annotator):
        window_model = golden.window_model

    with pytest.raises(SpeedNotOffered, match="exported"):
        fast_form(Exported(), compiled=True, batch_size=4)


def test_prediction_imports_nothing_of_training() -> None:
    code = (
        "import sys, brainbrr.cli.predict, brainbrr.cli.app, brainbrr.release.hub\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
