"""Live sources: what growing files and LSL streams have in common, and how they are read."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brainbrr.streaming.detector_stream import DetectorStream, StreamUpdate


@dataclass(frozen=True)
class Chunk:
    """Samples that have arrived.

    Attributes:
        eeg: `(channels, samples)` in the source's unit.
        time_s: when the first was taken, on the source's clock; None if the source has no times.
    """

    eeg: NDArray[np.floating]
    time_s: float | None


class LiveSource(Protocol):
    """A signal that is still arriving."""

    @property
    def labels(self) -> tuple[str, ...]:
        """One name per channel."""
        ...

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
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
        """Return what has arrived since the last call, without waiting."""
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...


def listen(
    stream: DetectorStream,
    source: LiveSource,
    *,
    follow: bool,
    timeout_s: float | None,
    poll_s: float,
    stopped: Callable[[], bool],
) -> Iterator[StreamUpdate]:
    """Read a live source until it times out or is stopped, and yield what becomes known.

    Args:
        stream: opened for the source's channels, rate and unit.
        source: is closed at the end.
        follow: wait for more when all that has arrived is read; otherwise end there.
        timeout_s: end after so many seconds without a new sample; None never does.
        poll_s: seconds between checks while waiting.
        stopped: asked between chunks; True ends as if the signal had ended.
    """
    received_s = time.monotonic()
    try:
        while not stopped():
            chunks = source.read()
            for chunk in chunks:
                yield stream.push(chunk.eeg, time_s=chunk.time_s)
            now_s = time.monotonic()
            if chunks:
                received_s = now_s
            elif not follow or (timeout_s is not None and now_s - received_s >= timeout_s):
                break
            else:
                time.sleep(poll_s)
        yield stream.finish()
    finally:
        source.close()
