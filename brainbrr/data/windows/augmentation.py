"""Random changes of training windows that a detector must not be misled by.

Each is a frozen dataclass called as `change(batch, generator)`. Random numbers come from a
generator on the CPU, so that one seed gives the same changes on every device; the work is done on
the batch's device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from brainbrr.data.windows.dataset import WindowBatch
from brainbrr.errors import InvalidOption
from brainbrr.signal.electrodes import MIRRORED
from brainbrr.signal.quantization import STEP_UV


class Augmentation(Protocol):
    """Any change of a batch."""

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the changed batch; the argument stays as it is."""


@dataclass(frozen=True)
class Gain:
    """Amplify or attenuate the EEG, as ages and skulls, impedances and amplifiers do.

    Attributes:
        max_db: largest change of one electrode in decibels.
        common_db: largest change of all electrodes together.
    """

    max_db: float
    common_db: float = 0.0

    def __post_init__(self) -> None:
        require(self.max_db >= 0, "max_db of 0 or more", f"{self.max_db}")
        require(self.common_db >= 0, "common_db of 0 or more", f"{self.common_db}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with a gain for each window, and one for each of its electrodes."""
        shape = batch.scale_uv.shape
        gain_db = (2 * torch.rand(shape, generator=generator) - 1) * self.max_db
        if self.common_db > 0:
            common = 2 * torch.rand((shape[0], 1), generator=generator) - 1
            gain_db = gain_db + common * self.common_db
        gain = (10 ** (gain_db / 20)).to(batch.eeg.device)[..., None]
        center_uv = batch.center_uv[..., None]
        return batch._replace(eeg=(microvolts(batch.eeg) - center_uv) * gain + center_uv)


@dataclass(frozen=True)
class ChannelDropout:
    """Make electrodes absent, as if they had fallen off.

    Attributes:
        probability: of each electrode in each window; one electrode always stays.
    """

    probability: float

    def __post_init__(self) -> None:
        require(0 <= self.probability < 1, "0 <= probability < 1", f"{self.probability}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with fewer electrodes observed."""
        draw = torch.rand(batch.observed.shape, generator=generator).to(batch.eeg.device)
        kept = batch.observed & (draw >= self.probability)
        # If all would go, the one with the highest draw among those observed stays.
        spared = torch.where(batch.observed, draw, draw - 2).argmax(dim=1, keepdim=True)
        fallback = torch.zeros_like(kept).scatter(1, spared, True) & batch.observed
        return batch._replace(observed=torch.where(kept.any(1, keepdim=True), kept, fallback))


@dataclass(frozen=True)
class TimeShift:
    """Shift windows and their labels in time; what leaves at one end is cut off, not wrapped.

    Attributes:
        max_s: largest shift in seconds, either way.
        rate_hz: samples per second.
    """

    max_s: float
    rate_hz: float

    def __post_init__(self) -> None:
        require(self.max_s >= 0, "max_s of 0 or more", f"{self.max_s}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with each window shifted by a random number of samples."""
        size, _, length = batch.eeg.shape
        reach = min(round(self.max_s * self.rate_hz), length - 1)
        shift = torch.randint(-reach, reach + 1, (size, 1), generator=generator)
        source = torch.arange(length) + shift
        return _resampled(batch, source, (source >= 0) & (source < length))


@dataclass(frozen=True)
class Crop:
    """Keep a part of a window at its start, as a recording shorter than a window is given.

    Attributes:
        probability: of each window.
        min_s: shortest part in seconds.
        rate_hz: samples per second.
    """

    probability: float
    min_s: float
    rate_hz: float

    def __post_init__(self) -> None:
        require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")
        require(self.min_s > 0, "a positive min_s", f"{self.min_s}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with the rest of some windows empty."""
        size, _, length = batch.eeg.shape
        chosen = torch.rand((size, 1), generator=generator) < self.probability
        least = min(self.min_s * self.rate_hz / length, 1.0)
        share = least + (1 - least) * torch.rand((size, 1), generator=generator)
        n_kept = torch.where(chosen, (share * length).round(), torch.tensor(float(length))).long()
        first = ((length - n_kept) * torch.rand((size, 1), generator=generator)).long()
        at = torch.arange(length)
        return _resampled(batch, at + first, at < n_kept)


@dataclass(frozen=True)
class Mirror:
    """Swap left and right, with the electrodes' scales and absences.

    Attributes:
        probability: of each window.
    """

    probability: float

    def __post_init__(self) -> None:
        require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with some windows mirrored."""
        chosen = torch.rand(len(batch.eeg), generator=generator) < self.probability
        chosen = chosen.to(batch.eeg.device)
        changed = {
            name: torch.where(like(chosen, part), part[:, list(MIRRORED)], part)
            for name in ("eeg", "observed", "center_uv", "scale_uv")
            for part in [getattr(batch, name)]
        }
        return batch._replace(**changed)


@dataclass(frozen=True)
class AddScattered:
    """Add to each electrode what another one recorded a moment before, so that one rhythm reaches
    the electrodes from many sources, as it does in real seizures.

    Attributes:
        probability: of each window.
        max_gain: of what is added, uniform from 0.
        max_s: longest delay in seconds, one for each electrode.
        rate_hz: samples per second.
    """

    probability: float
    max_gain: float
    max_s: float
    rate_hz: float

    def __post_init__(self) -> None:
        require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")
        require(self.max_gain > 0, "a positive max_gain", f"{self.max_gain}")
        require(self.max_s > 0, "a positive max_s", f"{self.max_s}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with delayed electrodes added to others; labels are unchanged."""
        size, n_electrodes, length = batch.eeg.shape
        chosen, place = torch.rand((2, size, 1, 1), generator=generator)
        gain = torch.where(chosen < self.probability, place * self.max_gain, 0.0)
        other = torch.rand((size, n_electrodes), generator=generator).argsort(1)
        reach = min(round(self.max_s * self.rate_hz), length - 1)
        delay = torch.randint(reach + 1, (size, n_electrodes, 1), generator=generator)
        device = batch.eeg.device
        gain, other, delay = gain.to(device), other.to(device)[..., None], delay.to(device)
        centered = (microvolts(batch.eeg) - batch.center_uv[..., None]) * batch.valid[:, None]
        centered = centered * batch.observed[..., None]
        source = torch.arange(length, device=device) - delay
        delayed = centered.gather(1, other.expand(batch.eeg.shape)).gather(2, source.clamp(min=0))
        added = gain * delayed * (source >= 0) * batch.valid[:, None]
        return batch._replace(eeg=microvolts(batch.eeg) + added)


@dataclass(frozen=True)
class Sequential:
    """Apply several changes, one after the other.

    Attributes:
        changes: in this order.
    """

    changes: Sequence[Augmentation]

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch after all changes."""
        for change in self.changes:
            batch = change(batch, generator)
        return batch


def _resampled(batch: WindowBatch, source: Tensor, inside: Tensor) -> WindowBatch:
    """Take sample `source` of each window, `(windows, samples)`, and nothing if not `inside`."""
    device = batch.eeg.device
    source, inside = source.clamp(0, batch.eeg.shape[2] - 1).to(device), inside.to(device)
    eeg = batch.eeg.gather(2, source[:, None].expand(batch.eeg.shape))
    return batch._replace(
        eeg=torch.where(inside[:, None], eeg, torch.zeros_like(eeg)),
        label=batch.label.gather(1, source) & inside,
        valid=batch.valid.gather(1, source) & inside,
        weight=batch.weight.gather(1, source),
    )


def microvolts(eeg: Tensor) -> Tensor:
    """Convert the cache's int16 steps to float32 microvolts; floats are microvolts already."""
    return eeg if eeg.is_floating_point() else eeg.float() * STEP_UV


def like(chosen: Tensor, part: Tensor) -> Tensor:
    """Give one value per window the axes of a part of the batch."""
    return chosen.reshape(-1, *[1] * (part.ndim - 1))


def require(valid: bool, expected: str, got: str) -> None:
    """Raise InvalidOption unless valid."""
    if not valid:
        raise InvalidOption(expected, got, "Correct the augmentation group.")
