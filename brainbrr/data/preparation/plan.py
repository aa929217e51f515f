"""Decide from the survey how each segment of a recording is brought to the 19 electrodes.

A channel may be bad for part of the recording only. Whenever the set of bad channels changes, the
montage is solved again without them, so that a bad electrode affects no other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import Derivation
from brainbrr.signal.montage import MontageSolution, solve_montage, useful_channels
from brainbrr.signal.quality import GOOD, REASONS, Codes
from brainbrr.signal.spline import Matrix


@dataclass(frozen=True)
class Segment:
    """Source samples `[first, last)` that share one set of weights `(19, channels)`."""

    first: int
    last: int
    weights: Matrix


@dataclass(frozen=True)
class MontagePlan:
    """How the channels become electrodes over the whole recording.

    Attributes:
        solution: from the channels that are usable for most of the recording.
        segments: in order, covering every epoch.
        bad: `(electrode, first, last, reason)` in source samples.
    """

    solution: MontageSolution
    segments: tuple[Segment, ...]
    bad: tuple[tuple[str, int, int, str], ...]


def usable_channels(codes: Codes, max_bad_fraction: float) -> NDArray[np.bool_]:
    """Select the channels that are bad in at most the given fraction of their epochs."""
    return np.asarray((codes != GOOD).mean(axis=1) <= max_bad_fraction)


def segment_weights(
    whole: MontageSolution, good: MontageSolution, min_electrodes: int
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Compute the weights while some channels are bad, and which electrodes are bad.

    If too few good electrodes are left to form a reference, the weights stay those of the whole
    recording.

    Args:
        whole: from all usable channels.
        good: from the good ones, with every electrode interpolated that can be.
        min_electrodes: good electrodes needed to form a reference.
    """
    # An electrode that only now has to be interpolated was recorded, so it counts as bad here:
    # a guess that comes and goes within a recording would look like a change in the EEG.
    filled_now = np.isin(ELECTRODES, sorted(set(good.interpolated) - set(whole.interpolated)))
    is_good = whole.observed & good.observed & ~filled_now
    is_bad = whole.observed & ~is_good
    if is_good.sum() < min_electrodes:
        return whole.weights, is_bad
    weights = np.zeros_like(whole.weights)
    # The mean of the good electrodes is the reference of all, so that a bad one does not leak into
    # the others. Bad electrodes keep their own channels, against that same reference.
    weights[is_good] = good.weights[is_good] - good.weights[is_good].mean(axis=0)
    weights[is_bad] = whole.weights[is_bad] - whole.weights[is_good].mean(axis=0)
    return weights, is_bad


def _reason(codes: Codes, channels: Sequence[Derivation | None], electrode: str) -> str:
    """Return the most common verdict on the bad channels that involve an electrode."""
    touching = [
        int(code)
        for code, derivation in zip(codes, channels, strict=True)
        if code != GOOD
        and derivation is not None
        and electrode in (derivation.plus, derivation.minus)
    ]
    verdicts = touching or [int(code) for code in codes if code != GOOD]
    return REASONS[max(sorted(set(verdicts)), key=verdicts.count)]


def plan_montage(
    channels: Sequence[Derivation | None],
    codes: Codes,
    epochs: NDArray[np.int64],
    *,
    max_bad_fraction: float,
    min_electrodes: int,
    max_interpolated: int,
    min_neighbours: int,
) -> MontagePlan:
    """Solve the montage for the recording and for each set of channels that are bad together.

    Args:
        channels: derivation of each channel.
        codes: `(channels, epochs)` verdicts.
        epochs: `(epochs, 2)` source samples.
        max_bad_fraction: a channel bad for a larger fraction is treated as missing throughout.
        min_electrodes: good electrodes needed to form a reference.
        max_interpolated: see `solve_montage`.
        min_neighbours: see `solve_montage`.
    """

    def solve(usable: NDArray[np.bool_], n_filled: int) -> MontageSolution:
        return solve_montage(
            channels, usable, max_interpolated=n_filled, min_neighbours=min_neighbours
        )

    usable = usable_channels(codes, max_bad_fraction) & useful_channels(channels)
    whole = solve(usable, max_interpolated)
    bad_now = (codes != GOOD) & usable[:, None]
    changes = np.flatnonzero(np.any(codes[usable][:, 1:] != codes[usable][:, :-1], axis=0)) + 1
    edges = [0, *changes.tolist(), len(epochs)]
    # The same few sets of bad channels recur over hours: each is solved once.
    solved: dict[bytes, tuple[Matrix, NDArray[np.bool_]]] = {}
    segments, bad = [], []
    for begin, end in pairwise(edges):
        now = bad_now[:, begin]
        if now.tobytes() not in solved:
            solved[now.tobytes()] = (
                segment_weights(whole, solve(usable & ~now, len(ELECTRODES)), min_electrodes)
                if now.any()
                else (whole.weights, np.zeros(len(ELECTRODES), dtype=bool))
            )
        weights, is_bad = solved[now.tobytes()]
        first, last = int(epochs[begin, 0]), int(epochs[end - 1, 1])
        segments.append(Segment(first, last, weights))
        for index in np.flatnonzero(is_bad):
            reason = _reason(np.where(now, codes[:, begin], GOOD), channels, ELECTRODES[index])
            bad.append((ELECTRODES[index], first, last, reason))
    return MontagePlan(whole, tuple(segments), tuple(_merged(bad)))


def _merged(bad: list[tuple[str, int, int, str]]) -> list[tuple[str, int, int, str]]:
    """Unite adjacent spans of one electrode with one reason."""
    merged: list[tuple[str, int, int, str]] = []
    for electrode, first, last, reason in sorted(bad):
        if merged and merged[-1][0] == electrode and merged[-1][2:] == (first, reason):
            merged[-1] = (electrode, merged[-1][1], last, reason)
        else:
            merged.append((electrode, first, last, reason))
    return merged
