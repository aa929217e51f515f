"""Seizures and artifacts planted into real EEG, in its own montage and amplitude."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import Derivation, derivations
from brainbrr.signal.robust_scale import IQR_OF_NORMAL
from brainbrr.synthesis.derivation import EARS
from brainbrr.synthesis.effect import Effect
from brainbrr.synthesis.effects import make_effects
from brainbrr.synthesis.noise import Signal, log_uniform
from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.plan import Plan, draw_plan
from brainbrr.synthesis.scalp import mix, topography
from brainbrr.synthesis.subject import Subject, choose

_BAND_HZ = (1.0, 40.0)
_EAR_REFERENCES = ("LE", "LM", "A1", "A2", "M1", "M2")


@dataclass(frozen=True)
class Background:
    """A real recording without seizures, as a corpus lists it.

    Attributes:
        path: the file.
        source: its path within the corpus.
        subject: the person; recordings of one person are in one split.
        split: `train`, `val` or `test`.
    """

    path: Path
    source: str
    subject: str
    split: str


@dataclass(frozen=True)
class BackgroundEeg:
    """The content of a background.

    Attributes:
        signals_uv: float32 `(channels, samples)`.
        labels: one per channel.
    """

    signals_uv: Signal
    labels: tuple[str, ...]
    rate_hz: float


def plant(
    generator: Generator, eeg: BackgroundEeg, parameters: SynthesisParameters, subject: Subject
) -> tuple[BackgroundEeg, Plan]:
    """Plant seizures, artifacts and patterns into whole seconds of a recording.

    Channels that are not scalp derivations of the 19 electrodes are left out, because the fields of
    what is planted are not known there. Amplitudes are relative to the recording's own background.

    Returns:
        the recording, and what was planted.
    """
    eeg, matrix = modelled(eeg)
    n_samples, rate_hz = eeg.signals_uv.shape[1], eeg.rate_hz
    population = choose(generator, parameters.populations)
    plan = draw_plan(generator, parameters, subject.split, population, n_samples / rate_hz)
    effect = make_effects(
        generator,
        plan,
        n_samples,
        rate_hz,
        semiology=subject.semiology,
        resting_uv=background_uv(eeg) * log_uniform(generator, (0.7, 1.3)),
        difficulty=subject.difficulty,
    )
    signals_uv = _planted(eeg.signals_uv, matrix, effect)
    return BackgroundEeg(signals_uv, eeg.labels, eeg.rate_hz), plan


def modelled(eeg: BackgroundEeg) -> tuple[BackgroundEeg, NDArray[np.float32]]:
    """Keep the channels that the 19 electrodes derive, offsets removed, and whole seconds.

    Returns:
        the recording, and the matrix `(channels, electrodes)` of its montage.
    """
    weights = [_weights(each) for each in derivations(eeg.labels)]
    kept = [number for number, row in enumerate(weights) if row is not None]
    n_samples = int(eeg.signals_uv.shape[1] / eeg.rate_hz) * round(eeg.rate_hz)
    signals_uv = eeg.signals_uv[kept, :n_samples]
    signals_uv = signals_uv - np.median(signals_uv, axis=1, keepdims=True)
    matrix = np.array([row for row in weights if row is not None], dtype=np.float32)
    labels = tuple(eeg.labels[number] for number in kept)
    return BackgroundEeg(signals_uv, labels, eeg.rate_hz), matrix.reshape(-1, len(ELECTRODES))


def background_uv(eeg: BackgroundEeg) -> float:
    """Compute the typical spread of the channels between 1 and 40 Hz, robust to artifacts."""
    sections = butter(2, _BAND_HZ, "bandpass", fs=eeg.rate_hz, output="sos")
    filtered = sosfiltfilt(sections, eeg.signals_uv, axis=1)
    low, high = np.percentile(filtered, (25, 75), axis=1)
    return max(float(np.median(high - low)) / IQR_OF_NORMAL, 1.0)


def _weights(derivation: Derivation | None) -> NDArray[np.float32] | None:
    if derivation is None or derivation.plus not in ELECTRODES:
        return None
    plus = topography({derivation.plus: 1.0})
    if derivation.minus in ELECTRODES:
        return plus - topography({derivation.minus: 1.0})
    if derivation.minus in _EAR_REFERENCES:
        return plus - EARS
    if derivation.minus in ("REF", "AVG"):  # common to all channels: any montage removes it
        return plus
    return None


def _planted(signals_uv: Signal, matrix: NDArray[np.float32], effect: Effect) -> Signal:
    """Attenuate each channel as its electrodes on average, and add their waves."""
    share = np.abs(matrix) / np.abs(matrix).sum(axis=1, keepdims=True)
    return signals_uv * mix(share, effect.background) + mix(matrix, effect.waves_uv)
