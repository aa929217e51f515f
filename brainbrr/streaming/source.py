"""Where a live signal comes from."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import BrainbrrError


class NothingToWatch(BrainbrrError):
    """The file or stream did not appear in time."""


@dataclass(frozen=True)
class Chunk:
    """Samples that have arrived.

    Attributes:
        eeg: `(channels, samples)` in the source's unit.
        time_s: when the first was taken, on the source's clock; None where it does not say.
    """

    eeg: NDArray[np.floating]
    time_s: float | None


class LiveSource(Protocol):
    """A signal that is still arriving."""

    @property
    def labels(self) -> tuple[str, ...]:
        """One name a channel."""
        ...

    @property
    def rate_hz(self) -> float:
        """Samples a second."""
        ...

    @property
    def unit(self) -> str:
        """Of the values: V, mV, uV or nV."""
        ...

    @property
    def start(self) -> datetime | None:
        """Date and time of the first sample, or None."""
        ...

    def read(self) -> list[Chunk]:
        """What has arrived since the last call, at once; empty where nothing has."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
