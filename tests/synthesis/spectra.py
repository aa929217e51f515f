"""What the tests of synthetic EEG measure with."""

import numpy as np
from scipy.signal import welch


def band_rms(signal, rate_hz, low_hz, high_hz):
    """Root mean square between two frequencies along the last axis."""
    frequencies_hz, density = welch(signal, rate_hz, nperseg=int(4 * rate_hz), axis=-1)
    inside = (frequencies_hz >= low_hz) & (frequencies_hz < high_hz)
    return np.sqrt(density[..., inside].sum(axis=-1) * (frequencies_hz[1] - frequencies_hz[0]))


def dominant_hz(signal, rate_hz, low_hz=1.5, high_hz=30.0):
    """Frequency of the highest peak of the spectrum."""
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal)), n=16 * len(signal)))
    frequencies_hz = np.fft.rfftfreq(16 * len(signal), 1 / rate_hz)
    inside = (frequencies_hz >= low_hz) & (frequencies_hz <= high_hz)
    return float(frequencies_hz[inside][np.argmax(spectrum[inside])])
