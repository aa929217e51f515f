"""Random filters as augmentation: other recorders, electrodes and people."""

from dataclasses import dataclass

import torch
from torch import Generator

from brainbrr.data.windows.augmentation import like, microvolts, require
from brainbrr.data.windows.dataset import WindowBatch


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
        require(
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
        return batch._replace(eeg=torch.where(like(chosen_here, eeg_uv), stopped, eeg_uv))


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
        require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")
        require(self.db_per_octave > 0, "a positive db_per_octave", f"{self.db_per_octave}")

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
class HighPass:
    """Attenuate slow waves from a random corner frequency on, as recorders' filters do.

    Attributes:
        probability: of each window.
        min_hz, max_hz: corner frequency (-3 dB), log-uniform; Butterworth of order 1 to 4.
        rate_hz: samples per second.
    """

    probability: float
    min_hz: float
    max_hz: float
    rate_hz: float

    def __post_init__(self) -> None:
        require(0 <= self.probability <= 1, "0 <= probability <= 1", f"{self.probability}")
        require(
            0 < self.min_hz <= self.max_hz < self.rate_hz / 2,
            "0 < min_hz <= max_hz < rate_hz / 2",
            f"{self.min_hz} and {self.max_hz}",
        )

    def __call__(self, batch: WindowBatch, generator: Generator) -> WindowBatch:
        """Return the batch with some windows filtered, without phase shift."""
        size, _, length = batch.eeg.shape
        chosen, place = torch.rand((2, size, 1, 1), generator=generator)
        order = torch.randint(1, 5, (size, 1, 1), generator=generator)
        corner_hz = self.min_hz * (self.max_hz / self.min_hz) ** place
        frequency_hz = torch.fft.rfftfreq(length, 1 / self.rate_hz).clamp(min=1e-3)
        gain = (1 + (corner_hz / frequency_hz) ** (2 * order)).rsqrt()
        gain = torch.where(chosen < self.probability, gain, 1.0).to(batch.eeg.device)
        spectrum = torch.fft.rfft(microvolts(batch.eeg)) * gain
        return batch._replace(eeg=torch.fft.irfft(spectrum, n=length))
