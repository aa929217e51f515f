"""Random signals of a given spectrum, and smooth envelopes: the basis of all other modules."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len

Signal = NDArray[np.float32]


def shaped_noise(
    generator: Generator,
    n_rows: int,
    n_samples: int,
    rate_hz: float,
    amplitude: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Signal:
    """Draw Gaussian noise with a given amplitude spectrum and unit variance, `(rows, samples)`.

    Args:
        amplitude: frequencies in Hz, `(frequencies,)`, to relative amplitudes, `(frequencies,)` or
            `(rows, frequencies)`.
    """
    length = next_fast_len(n_samples, real=True)
    frequencies_hz = np.arange(length // 2 + 1, dtype=np.float64) * (rate_hz / length)
    shape = np.atleast_2d(amplitude(frequencies_hz))
    shape = shape * (length / 2 / np.sqrt(np.sum(shape**2, axis=1, keepdims=True) + 1e-30))
    shape = shape.astype(np.float32)
    draws = generator.standard_normal((n_rows, 2 * len(frequencies_hz)), dtype=np.float32)
    spectrum = draws.view(np.complex64)
    spectrum *= shape
    return np.asarray(irfft(spectrum, n=length, axis=-1, overwrite_x=True)[:, :n_samples])


def power_law(
    exponent: NDArray[np.float64], low_hz: float = 0.5
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Amplitude spectrum of 1/f noise: power falls as `f ** -exponent`, and to 0 below `low_hz`."""

    def amplitude(frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        ratio = frequencies_hz / low_hz
        bounded = np.maximum(ratio, 1e-3)
        high_pass = ratio**2 / (1 + ratio**2)
        return np.exp(-0.5 * np.atleast_1d(exponent)[:, None] * np.log(bounded)) * high_pass

    return amplitude


def band_noise(
    generator: Generator,
    n_rows: int,
    n_samples: int,
    rate_hz: float,
    centre_hz: float,
    width_hz: float,
) -> Signal:
    """Draw noise in a narrow Gaussian band, which waxes and wanes as brain rhythms do."""
    return shaped_noise(
        generator,
        n_rows,
        n_samples,
        rate_hz,
        lambda frequencies_hz: np.exp(-0.5 * ((frequencies_hz - centre_hz) / width_hz) ** 2),
    )


def muscle_noise(generator: Generator, n_rows: int, n_samples: int, rate_hz: float) -> Signal:
    """Draw an electromyogram: broadband noise above about 20 Hz, unit variance."""
    return shaped_noise(
        generator,
        n_rows,
        n_samples,
        rate_hz,
        lambda frequencies_hz: 1 / (1 + (22 / np.maximum(frequencies_hz, 0.1)) ** 4)
        / (1 + (frequencies_hz / 70) ** 2),
    )  # fmt: skip


def slow_wander(
    generator: Generator, n_rows: int, n_samples: int, rate_hz: float, period_s: float
) -> Signal:
    """Draw smooth random courses around 0 with unit variance that change over about `period_s`."""
    n_knots = int(np.ceil(n_samples / rate_hz / period_s)) + 3
    knots = generator.standard_normal((n_rows, n_knots))
    at = np.arange(n_samples) / rate_hz / period_s
    first = at.astype(np.int64)
    part = at - first
    blend = 0.5 - 0.5 * np.cos(np.pi * part)
    courses = knots[:, first] * np.sqrt(1 - blend) + knots[:, first + 1] * np.sqrt(blend)
    return courses.astype(np.float32)


def phase_of(course_hz: NDArray[np.floating], rate_hz: float) -> NDArray[np.float64]:
    """Integrate a frequency over time to a phase in radians, both `(samples,)`."""
    return np.asarray(2 * np.pi * np.cumsum(course_hz, dtype=np.float64) / rate_hz)


def wandering_phase(
    generator: Generator, n_samples: int, rate_hz: float, centre_hz: float, jitter: float
) -> NDArray[np.float64]:
    """Draw the phase `(samples,)` of a rhythm whose frequency strays by the fraction `jitter`."""
    course_hz = centre_hz * (1 + jitter * slow_wander(generator, 1, n_samples, rate_hz, 1.0)[0])
    return phase_of(course_hz, rate_hz)


def log_uniform(generator: Generator, bounds: tuple[float, float]) -> float:
    """Draw a positive number whose logarithm is uniform between the bounds."""
    return float(np.exp(generator.uniform(*np.log(bounds))))


def taper(n_samples: int, rate_hz: float, rise_s: float, fall_s: float) -> Signal:
    """Return an envelope that rises to 1 over `rise_s`, stays, and falls to 0 over `fall_s`."""
    time_s = (np.arange(n_samples) + 0.5) / rate_hz
    left_s = n_samples / rate_hz - time_s
    rise = np.clip(time_s / max(rise_s, 1e-6), 0, 1)
    fall = np.clip(left_s / max(fall_s, 1e-6), 0, 1)
    return (np.sin(np.pi / 2 * rise) ** 2 * np.sin(np.pi / 2 * fall) ** 2).astype(np.float32)


def add_at(signal: Signal, snippet: Signal, start: int) -> None:
    """Add `snippet` to `signal` from sample `start`, in place; what lies outside is cut."""
    low, high = max(start, 0), min(start + snippet.shape[-1], signal.shape[-1])
    if high > low:
        signal[..., low:high] += snippet[..., low - start : high - start]
