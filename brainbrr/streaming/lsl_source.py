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

from brainbrr.errors import BrainbrrError
from brainbrr.streaming.chunks import RateChanged
from brainbrr.streaming.source import Chunk, NothingToWatch

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


class LslMissing(BrainbrrError):
    """The Lab Streaming Layer is not installed."""


class UnnamedChannels(BrainbrrError):
    """A stream that does not say what its channels are."""


class IrregularRate(BrainbrrError):
    """A stream of events, not of samples at a steady rate."""


class LslInlet:
    """The inlet of one stream, found by its name.

    The stream's own time stamps show gaps, also those of a sender that was restarted and came back
    under the same source id. A sender whose clock begins anew is taken to go on after the time that
    passed here.

    Args:
        name: of the stream.
        timeout_s: how long to look for it, or None for ever.
        labels: names of the channels, where the stream has none.
        unit: of the values, where the stream has none; microvolts where both say nothing.

    Raises:
        LslMissing: pylsl or its library cannot be loaded.
        NothingToWatch: no such stream in time.
        UnnamedChannels, IrregularRate: the stream cannot be used.
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
        found = _resolve(pylsl, name, timeout_s)
        self._inlet = pylsl.StreamInlet(found, max_buflen=_BUFFER_S, recover=True)
        info = self._inlet.info(timeout=10.0)
        self.rate_hz = float(info.nominal_srate())
        if not self.rate_hz > 0:
            raise IrregularRate("a steady rate", "an irregular one", "Name a stream of EEG.")
        told = [label for label in info.get_channel_labels() or [] if label]
        self.labels = tuple(labels or told)
        if len(self.labels) != info.channel_count():
            raise UnnamedChannels(
                f"names of {info.channel_count()} channels",
                f"{len(self.labels)}",
                "Give them in order: labels=[Fp1,F3,...].",
            )
        units = {_UNITS.get((u or "").lower()) for u in info.get_channel_units() or []}
        self.unit = unit or next((u for u in units if u), "uV")
        self.start: datetime | None = None
        self._offset_s = 0.0
        self._due_s: float | None = None
        self._heard_s = time.monotonic()
        self._inlet.open_stream(timeout=10.0)

    def read(self) -> list[Chunk]:
        """What has arrived since the last call.

        Raises:
            RateChanged: samples come at another rate than the stream announced.
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
            Chunk(eeg[:, first:last], self._placed(float(times_s[first]), last - first))
            for first, last in pairwise(edges)
        ]

    def close(self) -> None:
        """Close the connection."""
        self._inlet.close_stream()

    def _check_rate(self, steps_s: NDArray[np.float64]) -> None:
        if len(steps_s) < self.rate_hz / 4:
            return
        seen_hz = 1.0 / max(float(np.mean(steps_s)), 1e-9)
        if abs(seen_hz - self.rate_hz) > _MAX_RATE_ERROR * self.rate_hz:
            raise RateChanged(
                f"{self.rate_hz:g} Hz, as the stream announced",
                f"{seen_hz:.4g} Hz by its time stamps",
                "Watch the stream again; the detector must know the true rate.",
            )

    def _placed(self, time_s: float, n_samples: int) -> float:
        """The sender's time on one clock that never runs back."""
        now_s = time.monotonic()
        placed_s = time_s + self._offset_s
        if self._due_s is not None and placed_s < self._due_s - _JITTER_S:
            length_s = n_samples / self.rate_hz
            placed_s = self._due_s + max(now_s - self._heard_s - length_s, 0.0)
            self._offset_s = placed_s - time_s
        self._due_s = placed_s + n_samples / self.rate_hz
        self._heard_s = now_s
        return placed_s


def _resolve(pylsl: Any, name: str, timeout_s: float | None) -> Any:
    """The stream of that name, looked for a second at a time, so that Ctrl-C is heard."""
    until_s = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
    while (left_s := until_s - time.monotonic()) > 0:
        found = pylsl.resolve_byprop("name", name, timeout=min(left_s, _LOOK_S))
        if found:
            return found[0]
    raise NothingToWatch(
        f"a stream named {name}", f"none in {timeout_s} s", "Start its sender first."
    )


def _load() -> Any:
    """The module pylsl, which loads its library when imported."""
    refusal = LslMissing("pylsl", "none", "Install it: pip install 'brainbrr[lsl]'.")
    if find_spec("pylsl") is None:
        raise refusal
    try:
        import pylsl
    except (RuntimeError, OSError) as error:
        raise LslMissing(
            "the library liblsl", str(error).splitlines()[0], refusal.remedy
        ) from error
    return pylsl
