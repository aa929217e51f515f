"""One synthetic minute that shows whether a machine computes what the detector's maker computed."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from brainbrr.models.scaling import standardise
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.signal.quantisation import quantise

if TYPE_CHECKING:
    from brainbrr.inference.detector import Detector

SEED = 20_256
SCALE_UV = 20.0


def selftest_minute(detector: "Detector") -> NDArray[np.int16]:
    """One window of coloured noise with a rhythm that waxes in its second half, 0.1 uV a step."""
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
    return quantise(eeg_uv.astype(np.float32))


@torch.inference_mode()
def expected_probabilities(detector: "Detector", eeg: NDArray[np.int16]) -> NDArray[np.float32]:
    """Probability of each sample of the self-test window, shape `(samples,)`."""
    detector.network.eval()
    device = next(detector.network.parameters()).device
    present = torch.ones(1, N_ELECTRODES, dtype=torch.bool, device=device)
    center = torch.zeros(1, N_ELECTRODES, device=device)
    inputs = standardise(torch.from_numpy(eeg)[None].to(device), present, center, center + SCALE_UV)
    return torch.sigmoid(detector.network(inputs, present)[0].float()).cpu().numpy()
