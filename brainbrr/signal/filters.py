"""Band-pass and notch: without delay over a whole recording, or sample by sample as it arrives."""

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
    """A Butterworth band-pass and notches at the mains frequency and its harmonics in the band.

    Returns second-order sections.

    Args:
        rate_hz: samples a second of the signal to filter.
        low_hz: lower edge (half power); drifts below it go.
        high_hz: upper edge; where it reaches 0.49 of the rate there is nothing to cut and a high-
            pass remains.
        order: order of each edge.
        mains_hz: 50, 60, or None for no notch.
        notch_q: centre frequency over width of the notch.
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
    """Samples after which the filter has forgotten all but `tolerance` of what it saw."""
    slowest = max(np.abs(np.roots(section[3:])).max() for section in sections)
    return int(np.ceil(np.log(tolerance) / np.log(slowest)))


def filter_zero_phase(sections: Signal, eeg: Signal) -> Signal:
    """Filter forwards and backwards along the last axis: no delay, the amplitude response squared.

    Starts and ends as if the first and last value had lasted for ever; give it context beyond the
    samples you keep.
    """
    return np.asarray(signal.sosfiltfilt(sections, eeg, axis=-1, padlen=0))


class CausalFilter:
    """The same filter for a signal that is still arriving, with delay instead of a look ahead.

    Runs the sections twice over, so that the amplitude response is that of `filter_zero_phase`.
    Blocks of any length give the same numbers as one long call.
    """

    def __init__(self, sections: Signal, n_channels: int) -> None:
        self._sections = np.concatenate([sections, sections])
        self._state: Signal | None = None
        self._n_channels = n_channels

    def __call__(self, block: Signal) -> Signal:
        """Filter the next `(channels, samples)`; the state is kept for the one after."""
        if block.shape[-1] == 0:
            return np.empty((self._n_channels, 0))
        if self._state is None:
            settled = signal.sosfilt_zi(self._sections)[:, None, :]
            self._state = settled * block[None, :, :1]
        filtered, self._state = signal.sosfilt(self._sections, block, axis=-1, zi=self._state)
        return np.asarray(filtered)


def group_delay_s(sections: Signal, rate_hz: float, frequencies_hz: Signal) -> Signal:
    """How late `CausalFilter` shows each frequency, in seconds."""
    step_hz = 1e-3
    around = np.stack([frequencies_hz - step_hz, frequencies_hz + step_hz])
    _, response = signal.sosfreqz(sections, worN=around.ravel(), fs=rate_hz)
    phase = np.unwrap(np.angle(response).reshape(2, -1), axis=0)
    return np.asarray(-2 * (phase[1] - phase[0]) / (2 * np.pi * 2 * step_hz))
