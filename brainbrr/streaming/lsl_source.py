"""A Lab Streaming Layer stream as a live source; needs the extra `lsl`."""

import math
import time
from collections.abc import Sequence
from datetime import datetime
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidInput, NotFound, Unavailable
from brainbrr.streaming.source import Chunk

_UNITS = {
    "microvolts": "uV", "microvolt": "uV", "uv": "uV", "µv": "uV", "μv": "uV",
    "millivolts": "mV", "millivolt": "mV", "mv": "mV", "volts": "V", "volt": "V", "v": "V",
    "nanovolts": "nV", "nanovolt": "nV", "nv": "nV",
}  # fmt: skip
_JITTER_S = 0.1
_BUFFER_S = 360
_LOOK_S = 1.0
_MAX_SAMPLES = 4096
_MAX_RATE_ERROR = 0.05


class LslInlet:
    """The inlet of one stream, found by its name.

    The stream's own time stamps show gaps, including those of a sender that was restarted under the
    same source id. A sender whose clock restarts is assumed to continue after the time that passed
    here.

    Args:
        name: of the stream.
        timeout_s: how long to look for it; None waits indefinitely.
        labels: names of the channels, if the stream has none.
        unit: of the values, if the stream has none; microvolts if neither is given.

    Raises:
        Unavailable: pylsl or its library cannot be loaded.
        NotFound: no such stream in time.
        InvalidInput: a stream without a steady rate or without names of its channels.
    """

    def __init__(
        self,
        name: str,
        *,
        timeout_s: float | None,
        labels: Sequence[str] | None = None,
        unit: str | None = None,
    ) -> None:
        pylsl = _load()
        stream = _resolve(pylsl, name, timeout_s)
        self._inlet = pylsl.StreamInlet(stream, max_buflen=_BUFFER_S, recover=True)
        info = self._inlet.info(timeout=10.0)
        self.rate_hz = float(info.nominal_srate())
        if not self.rate_hz > 0:
            raise InvalidInput("a steady rate", "an irregular one", "Name a stream of EEG.")
        self.labels = tuple(labels or filter(None, info.get_channel_labels() or []))
        if len(self.labels) != info.channel_count():
            raise InvalidInput(
                f"names of {info.channel_count()} channels",
                f"{len(self.labels)}",
                "Give them in order: labels=[Fp1,F3,...].",
            )
        units = {_UNITS.get((u or "").lower()) for u in info.get_channel_units() or []}
        self.unit = unit or next((u for u in units if u), "uV")
        self.start: datetime | None = None
        self._offset_s = 0.0
        self._due_s: float | None = None
        self._received_s = time.monotonic()
        self._inlet.open_stream(timeout=10.0)

    def read(self) -> list[Chunk]:
        """Return what has arrived since the last call.

        Raises:
            InvalidInput: samples come at another rate than the stream announced.
        """
        samples, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=_MAX_SAMPLES)
        if not stamps:
            return []
        if self.start is None:
            self.start = datetime.now().replace(microsecond=0)
        eeg = np.asarray(samples, dtype=np.float64).T
        times_s = np.asarray(stamps)
        steps_s = np.diff(times_s)
        breaks = np.flatnonzero(np.abs(steps_s - 1.0 / self.rate_hz) > _JITTER_S) + 1
        self._check_rate(np.delete(steps_s, breaks - 1))
        edges = [0, *breaks.tolist(), len(times_s)]
        return [
            Chunk(eeg[:, first:last], self._on_one_clock(float(times_s[first]), last - first))
            for first, last in pairwise(edges)
        ]

    def close(self) -> None:
        """Close the connection."""
        self._inlet.close_stream()

    def _check_rate(self, steps_s: NDArray[np.float64]) -> None:
        if len(steps_s) < self.rate_hz / 4:
            return
        measured_hz = 1.0 / max(float(np.mean(steps_s)), 1e-9)
        if abs(measured_hz - self.rate_hz) > _MAX_RATE_ERROR * self.rate_hz:
            raise InvalidInput(
                f"{self.rate_hz:g} Hz, as the stream announced",
                f"{measured_hz:.4g} Hz by its time stamps",
                "Watch the stream again; the detector needs the true rate.",
            )

    def _on_one_clock(self, time_s: float, n_samples: int) -> float:
        """Return the sender's time on one clock that never runs back."""
        now_s = time.monotonic()
        placed_s = time_s + self._offset_s
        if self._due_s is not None and placed_s < self._due_s - _JITTER_S:
            length_s = n_samples / self.rate_hz
            placed_s = self._due_s + max(now_s - self._received_s - length_s, 0.0)
            self._offset_s = placed_s - time_s
        self._due_s = placed_s + n_samples / self.rate_hz
        self._received_s = now_s
        return placed_s


def _resolve(pylsl: Any, name: str, timeout_s: float | None) -> Any:
    """Find the stream of that name, a second at a time, so that Ctrl-C is noticed."""
    until_s = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
    while (left_s := until_s - time.monotonic()) > 0:
        streams = pylsl.resolve_byprop("name", name, timeout=min(left_s, _LOOK_S))
        if streams:
            return streams[0]
    raise NotFound(f"a stream named {name}", f"none in {timeout_s} s", "Start its sender first.")


def _load() -> Any:
    """Import pylsl, which loads its library meanwhile."""
    refusal = Unavailable("pylsl", "none", "Install it: pip install 'brainbrr[lsl]'.")
    if find_spec("pylsl") is None:
        raise refusal
    try:
        import pylsl
    except (RuntimeError, OSError) as error:
        raise Unavailable(
            "the library liblsl", str(error).splitlines()[0], refusal.remedy
        ) from error
    return pylsl
