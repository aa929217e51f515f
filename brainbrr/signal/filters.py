"""Band-pass and notch without delay, over a whole recording or as it arrives."""

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Signal = NDArray[np.float64]


def design_filter(
    rate_hz: float,
    low_hz: float = 0.5,
    high_hz: float = 120.0,
    *,
    order: int = 4,
    mains_hz: float | None = None,
    notch_q: float = 30.0,
) -> Signal:
    """Design a Butterworth band-pass, and notches at the mains frequency and its harmonics.

    Args:
        rate_hz: sampling rate of the signal to filter.
        low_hz: lower edge (half power).
        high_hz: upper edge; from 0.49 of the rate on there is nothing to cut, and a high-pass
            remains.
        order: order of each edge.
        mains_hz: 50, 60, or None for no notch.
        notch_q: center frequency over width of the notch.

    Returns:
        second-order sections.
    """
    if high_hz < 0.49 * rate_hz:
        sections = signal.butter(order, (low_hz, high_hz), "bandpass", fs=rate_hz, output="sos")
    else:
        sections = signal.butter(order, low_hz, "highpass", fs=rate_hz, output="sos")
    edge_hz = min(high_hz, 0.49 * rate_hz)
    harmonics = np.empty(0) if mains_hz is None else np.arange(mains_hz, edge_hz, mains_hz)
    notches = [signal.tf2sos(*signal.iirnotch(hz, notch_q, fs=rate_hz)) for hz in harmonics]
    return np.concatenate([sections, *notches])


def settling_samples(sections: Signal, tolerance: float = 1e-7) -> int:
    """Count the samples after which less than `tolerance` of an input remains in the filter."""
    # The response decays with the largest pole, by its magnitude per sample.
    slowest = max(np.abs(np.roots(section[3:])).max() for section in sections)
    return int(np.ceil(np.log(tolerance) / np.log(slowest)))


def filter_zero_phase(sections: Signal, eeg: Signal) -> Signal:
    """Filter forward and backward along the last axis: no delay, the amplitude response squared.

    Starts and ends as if the first and last value had lasted indefinitely, so pass context beyond
    the samples you need.
    """
    return np.asarray(signal.sosfiltfilt(sections, eeg, axis=-1, padlen=0))


class FixedLagFilter:
    """Zero-phase filter for a signal that is still arriving: it looks a few seconds ahead.

    A causal high-pass at 0.5 Hz would turn slow waves upside down, and a network trained on
    zero-phase recordings would not recognize them. But the backward pass forgets what lies further
    ahead: started `lag` samples later, it gives almost the numbers of the whole recording.

    Starts and ends as if the first and last value had lasted indefinitely. The outputs do not
    depend on the blocks in which the signal arrives; they depend on how many are taken at once, by
    what the look-ahead leaves out.

    Args:
        sections: second-order sections from `design_filter`.
        n_channels: rows of each block.
        lag: samples of look-ahead.
    """

    def __init__(self, sections: Signal, n_channels: int, lag: int) -> None:
        self._sections, self._lag = sections, lag
        self._settled = signal.sosfilt_zi(sections)[:, None, :]
        self._state: Signal | None = None
        self._forward_pass = np.empty((n_channels, 0))

    def push(self, block: Signal) -> None:
        """Add a block `(channels, samples)`."""
        if block.shape[1] == 0:
            return
        if self._state is None:
            self._state = self._settled * block[None, :, :1]
        forward, self._state = signal.sosfilt(self._sections, block, axis=-1, zi=self._state)
        self._forward_pass = np.concatenate([self._forward_pass, forward], axis=1)

    def ready(self, n_samples: int, *, ended: bool) -> bool:
        """Whether `n_samples` outputs can be taken; an `ended` signal needs no look-ahead."""
        return self._forward_pass.shape[1] >= n_samples + (0 if ended else self._lag)

    def take(self, n_samples: int) -> Signal:
        """Return the next outputs `(channels, n_samples)`."""
        if n_samples == 0:
            return self._forward_pass[:, :0]
        backwards = self._forward_pass[:, : n_samples + self._lag][:, ::-1]
        start = self._settled * backwards[None, :, :1]
        filtered, _ = signal.sosfilt(self._sections, backwards, axis=-1, zi=start)
        self._forward_pass = self._forward_pass[:, n_samples:].copy()
        return np.asarray(filtered[:, ::-1][:, :n_samples])
