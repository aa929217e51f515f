"""Seizure-like synthetic artefacts as augmentation: the labels stay unchanged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from brainbrr.data.windows.augmentation import microvolts
from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.errors import InvalidOption
from brainbrr.synthesis.artefacts import ARTEFACTS


@dataclass(frozen=True)
class AddArtefact:
    """Overlay a segment of some windows with a seizure-like artefact.

    Attributes:
        probability: of each window.
        kinds: which artefacts, by their names in `brainbrr.synthesis.artefacts.ARTEFACTS`;
            empty for all.
        min_s, max_s: how long it lasts, in seconds.
        max_strength: its amplitude at most, in spreads of the window's electrodes.
        rate_hz: samples per second.
    """

    probability: float
    min_s: float
    max_s: float
    max_strength: float
    rate_hz: float
    kinds: Sequence[str] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(ARTEFACTS))
        if unknown:
            raise InvalidOption(
                f"kinds among {', '.join(ARTEFACTS)}", ", ".join(unknown), "Correct their names."
            )
        if not (0 <= self.probability <= 1 and 1 <= self.min_s <= self.max_s):
            raise InvalidOption(
                "0 <= probability <= 1 and 1 <= min_s <= max_s",
                f"{self.probability}, {self.min_s} to {self.max_s} s",
                "Correct the augmentation group.",
            )

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with artefacts in some windows, in average reference as the EEG is."""
        size = len(batch.eeg)
        chosen = torch.rand(size, generator=generator) < self.probability
        seeds = torch.randint(2**62, (size,), generator=generator)
        eeg_uv = microvolts(batch.eeg).clone()
        for window in chosen.nonzero()[:, 0].tolist():
            spread_uv = float(batch.scale_uv[window][batch.observed[window]].median())
            start, overlay = self._artefact(int(seeds[window]), eeg_uv.shape[-1], spread_uv)
            overlay = overlay.to(eeg_uv.device)
            eeg_uv[window, :, start : start + overlay.shape[1]] += overlay
        return batch._replace(eeg=eeg_uv * batch.valid[:, None])

    def _artefact(self, seed: int, length: int, spread_uv: float) -> tuple[int, Tensor]:
        generator = np.random.default_rng(seed)
        kinds = list(self.kinds or ARTEFACTS)
        make = ARTEFACTS[kinds[int(generator.integers(len(kinds)))]]
        n_samples = round(generator.uniform(self.min_s, self.max_s) * self.rate_hz)
        n_samples = min(n_samples, length)
        amplitude_uv = generator.uniform(0.0, self.max_strength) * spread_uv
        signal = make(generator, n_samples, self.rate_hz, amplitude_uv)
        start = int(generator.integers(length - n_samples + 1))
        centred = signal - signal.mean(axis=0, keepdims=True)
        return start, torch.from_numpy(np.ascontiguousarray(centred, dtype=np.float32))
