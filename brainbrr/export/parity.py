"""Agreement of two forms of a detector: on windows, and on recordings with their events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.recordings.recording import Recording
from brainbrr.events.annotation import Annotation
from brainbrr.inference.annotator import Annotator
from brainbrr.inference.detector import Detector
from brainbrr.release.selftest import SCALE_UV, selftest_minute
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.quantization import STEP_UV
from brainbrr.signal.window_eeg import Backend, WindowEeg

SELFTEST_WINDOWS = 6
QUIET, LOUD = 0.5, 3.0


def difference_on_windows(form: Backend, original: Backend, detector: Detector) -> float:
    """Compute the largest difference of a probability on three windows, single and as a batch: all
    electrodes observed, one absent, most absent."""
    minute = selftest_minute(detector)
    eeg = np.stack([minute, minute[::-1], minute[:, ::-1]])
    observed = np.ones((3, N_ELECTRODES), dtype=bool)
    observed[1, 4] = observed[2, :11] = False
    center = np.full((3, N_ELECTRODES), 1.5, dtype=np.float32)
    scale = np.full((3, N_ELECTRODES), SCALE_UV, dtype=np.float32)
    windows = WindowEeg(eeg, observed, center, scale)
    expected = original(windows)
    single = form(WindowEeg(eeg[:1], observed[:1], center[:1], scale[:1]))
    batch = form(windows)
    return float(max(np.abs(batch - expected).max(), np.abs(single - expected[:1]).max()))


@dataclass(frozen=True)
class Agreement:
    """Differences of a form from its original on recordings.

    Attributes:
        max_difference, mean_difference: of the probability over time.
        n_events: of the form, and of the original.
        n_equal: events of the two with the same start and end, to a sample of the trace.
        n_overlapping: events of the form that overlap one of the original's.
    """

    max_difference: float
    mean_difference: float
    n_events: tuple[int, int]
    n_equal: int
    n_overlapping: int

    def __str__(self) -> str:
        return (
            f"probability differs by {self.max_difference:.1e} at most, {self.mean_difference:.1e}"
            f" on average; {self.n_events[0]} events for {self.n_events[1]},"
            f" {self.n_overlapping} overlap, {self.n_equal} to the sample"
        )


def agreement(
    form: Annotator, original: Annotator, sources: Iterable[str | Path | Recording]
) -> Agreement:
    """Compare a form with its original over recordings."""
    return agreements([form], original, sources)[0]


def agreements(
    forms: Sequence[Annotator], original: Annotator, sources: Iterable[str | Path | Recording]
) -> list[Agreement]:
    """Compare each form with the original over the same recordings."""
    differences: list[list[NDArray[np.float32]]] = [[] for _ in forms]
    pairs: list[list[tuple[Annotation, Annotation]]] = [[] for _ in forms]
    for source in sources:
        expected = original.trace(source)
        for number, form in enumerate(forms):
            trace = form.trace(source)
            differences[number].append(np.abs(trace.probability - expected.probability))
            pairs[number].append((form.events(trace), original.events(expected)))
    return [_agreement(np.concatenate(d), p) for d, p in zip(differences, pairs, strict=True)]


def _agreement(
    difference: NDArray[np.float32], pairs: list[tuple[Annotation, Annotation]]
) -> Agreement:
    return Agreement(
        float(difference.max()),
        float(difference.mean()),
        (sum(len(a.events) for a, _ in pairs), sum(len(b.events) for _, b in pairs)),
        sum(_equal(a, b) for a, b in pairs),
        sum(_overlapping(a, b) for a, b in pairs),
    )


def selftest_recording(detector: Detector) -> Recording:
    """Return windows of the self-test's noise and rhythm, quiet to loud, concatenated."""
    minute = selftest_minute(detector).astype(np.float32) * STEP_UV
    gains = np.linspace(QUIET, LOUD, SELFTEST_WINDOWS, dtype=np.float32)
    eeg_uv = np.concatenate([minute * gain for gain in gains], axis=1)
    return Recording(eeg_uv, detector.preparation.rate_hz, ELECTRODES)


def _equal(a: Annotation, b: Annotation) -> int:
    return len(
        {(e.onset_s, e.offset_s) for e in a.events} & {(e.onset_s, e.offset_s) for e in b.events}
    )


def _overlapping(a: Annotation, b: Annotation) -> int:
    return sum(
        any(event.onset_s < other.offset_s and other.onset_s < event.offset_s for other in b.events)
        for event in a.events
    )
