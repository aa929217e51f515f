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
        _require(self.max_db >= 0, "max_db of 0 or more", f"{self.max_db}")
        _require(self.common_db >= 0, "common_db of 0 or more", f"{self.common_db}")

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
        _require(0 <= self.probability < 1, "0 <= probability < 1", f"{self.probability}")

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
        _require(self.max_s >= 0, "max_s of 0 or more", f"{self.max_s}")

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
        _require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")
        _require(self.min_s > 0, "a positive min_s", f"{self.min_s}")

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
        _require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with some windows mirrored."""
        chosen = torch.rand(len(batch.eeg), generator=generator) < self.probability
        chosen = chosen.to(batch.eeg.device)
        changed = {
            name: torch.where(_like(chosen, part), part[:, list(MIRRORED)], part)
            for name in ("eeg", "observed", "center_uv", "scale_uv")
            for part in [getattr(batch, name)]
        }
        return batch._replace(**changed)


@dataclass(frozen=True)
class BandStop:
    """Remove a random band, as another recorder's filters might.

    Attributes:
        probability: of each window.
        max_width_hz: widest band.
        low_hz, high_hz: where the bands lie.
        rate_hz: samples per second.
    """

    probability: float
    max_width_hz: float
    low_hz: float
    high_hz: float
    rate_hz: float

    def __post_init__(self) -> None:
        _require(
            0 <= self.probability <= 1 and 0 < self.low_hz < self.high_hz <= self.rate_hz / 2,
            "0 <= probability <= 1 and 0 < low_hz < high_hz <= rate_hz / 2",
            f"{self}",
        )

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with a band removed from some windows, its edges a raised cosine."""
        chosen, place, width = torch.rand((3, len(batch.eeg)), generator=generator)
        half_hz = (width * self.max_width_hz / 2).to(batch.eeg.device)[:, None, None]
        centre_hz = (self.low_hz + place * (self.high_hz - self.low_hz)).to(batch.eeg.device)
        length = batch.eeg.shape[-1]
        frequency_hz = torch.fft.rfftfreq(length, 1 / self.rate_hz, device=batch.eeg.device)
        distance = (frequency_hz - centre_hz[:, None, None]).abs() / half_hz.clamp(min=1e-3)
        keep = (1 - torch.cos(torch.pi * (distance - 0.5).clamp(0, 1))) / 2
        eeg_uv = microvolts(batch.eeg)
        stopped = torch.fft.irfft(torch.fft.rfft(eeg_uv) * keep, n=length)
        chosen_here = (chosen < self.probability).to(batch.eeg.device)
        return batch._replace(eeg=torch.where(_like(chosen_here, eeg_uv), stopped, eeg_uv))


@dataclass(frozen=True)
class Equalize:
    """Amplify some frequencies and attenuate others, as filters, recorders and people differ.

    Without it a network takes the slow background that a synthetic seizure attenuates for the sign
    of one: with a high-pass filter of 2 Hz, rest became seizure.

    Attributes:
        probability: of each window.
        db_per_octave: standard deviation of the gain from one octave to the next; at 8 Hz it is 0.
        rate_hz: samples per second.
    """

    probability: float
    db_per_octave: float
    rate_hz: float

    def __post_init__(self) -> None:
        _require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")
        _require(self.db_per_octave > 0, "a positive db_per_octave", f"{self.db_per_octave}")

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with one gain curve for all electrodes of a window."""
        size, _, length = batch.eeg.shape
        chosen = torch.rand(size, generator=generator) < self.probability
        # Octaves from 0.5 to 128 Hz: a random walk from 8 Hz in both directions.
        steps = torch.randn((2, size, 4), generator=generator) * self.db_per_octave
        below, above = steps.cumsum(2)
        curve_db = torch.cat([below.flip(1), torch.zeros(size, 1), above], 1)
        octave = torch.fft.rfftfreq(length, 1 / self.rate_hz).clamp(0.5, 127.9).div(0.5).log2()
        first = octave.floor().long()
        gain_db = torch.lerp(curve_db[:, first], curve_db[:, first + 1], octave - first)
        gain_db = (gain_db * chosen[:, None])[:, None].to(batch.eeg.device)
        spectrum = torch.fft.rfft(microvolts(batch.eeg)) * 10 ** (gain_db / 20)
        return batch._replace(eeg=torch.fft.irfft(spectrum, n=length))


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


def _like(chosen: Tensor, part: Tensor) -> Tensor:
    return chosen.reshape(-1, *[1] * (part.ndim - 1))


def _require(valid: bool, expected: str, got: str) -> None:
    if not valid:
        raise InvalidOption(expected, got, "Correct the augmentation group.")
