"""One synthetic minute that shows whether a machine computes the numbers of the release."""

import logging
import platform
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brainbrr import __version__
from brainbrr.atomic_io import atomic_write
from brainbrr.kernels.c.build import cache_folder
from brainbrr.models.scaling import standardize
from brainbrr.release.untrusted import InvalidDetector
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.quantization import quantize

if TYPE_CHECKING:
    from brainbrr.inference.detector import Detector

log = logging.getLogger(__name__)

SEED = 20_256
SCALE_UV = 20.0
TOLERANCE = 1e-3
"""Largest difference of a probability from the released one; other CPUs differ by 1e-6."""


def selftest_minute(detector: "Detector") -> NDArray[np.int16]:
    """Return a window of pink noise with a rhythm that grows in its second half, in 0.1 uV."""
    rate_hz = detector.preparation.rate_hz
    n_samples = detector.windowing.length
    generator = np.random.default_rng(SEED)
    white = generator.standard_normal((N_ELECTRODES, n_samples))
    pink = np.fft.irfft(
        np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(n_samples // 2 + 1), 1.0)), n=n_samples
    )
    time_s = np.arange(n_samples) / rate_hz
    rhythm = np.sin(2 * np.pi * 4.0 * time_s) * np.clip(time_s / time_s[-1] - 0.5, 0, None)
    eeg_uv = SCALE_UV * (pink / pink.std() + 4.0 * rhythm * generator.random((N_ELECTRODES, 1)))
    return quantize(eeg_uv.astype(np.float32))


@torch.inference_mode()
def expected_probabilities(detector: "Detector", eeg: NDArray[np.int16]) -> NDArray[np.float32]:
    """Compute the probability of each sample of the self-test window, shape `(samples,)`."""
    detector.network.eval()
    device = next(detector.network.parameters()).device
    present = torch.ones(1, N_ELECTRODES, dtype=torch.bool, device=device)
    center = torch.zeros(1, N_ELECTRODES, device=device)
    inputs = standardize(torch.from_numpy(eeg)[None].to(device), present, center, center + SCALE_UV)
    return torch.sigmoid(detector.network(inputs, present)[0].float()).cpu().numpy()


def largest_difference(detector: "Detector", eeg: Tensor, expected: Tensor) -> float:
    """Compute the largest difference of this machine's probabilities from the released ones."""
    computed = expected_probabilities(detector, eeg.numpy())
    return float(np.max(np.abs(computed - expected.numpy())))


def check_once(run: Callable[[], tuple[float, str]], identity: str) -> None:
    """Run a detector's self-test unless this machine passed it before, and log the difference.

    A pass is remembered in the user's cache folder, by detector, versions and hardware; if that
    cannot be written, the self-test runs at every load.

    Args:
        run: returns the largest difference and the device.
        identity: of the detector and of how it is computed.

    Raises:
        InvalidDetector: the difference is larger than `TOLERANCE`.
    """
    machine = f"{identity} {__version__} {torch.__version__} {_hardware()}"
    mark = cache_folder().parent / "selftests" / sha256(machine.encode()).hexdigest()[:32]
    if mark.is_file():
        return
    difference, device = run()
    if not difference <= TOLERANCE:
        raise InvalidDetector(
            f"the released probabilities of the self-test within {TOLERANCE:g}",
            f"a difference of {difference:.2g} on {device}",
            "Do not trust its events here; try device=cpu, run `brainbrr doctor`, and report this.",
        )
    log.info("self-test: largest difference %.1e from the release, on %s", difference, device)
    try:
        with atomic_write(mark) as file:
            file.write(f"{difference:.3e} {device}\n")
    except OSError as error:
        log.warning("self-test not remembered, it will run at each load: %s", error.strerror)


def _hardware() -> str:
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no CUDA"
    return f"{platform.node()} {platform.machine()} {gpu}"
