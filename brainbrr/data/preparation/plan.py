"""From what the survey found to how each stretch of a recording is brought to the 19 electrodes."""

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
class Stretch:
    """Source samples `[first, last)` that share one set of weights `(19, channels)`."""

    first: int
    last: int
    weights: Matrix


@dataclass(frozen=True)
class MontagePlan:
    """How the channels become electrodes over the whole recording.

    Attributes:
        solution: from the channels that are usable at all.
        stretches: in order, covering every epoch.
        bad: `(electrode, first, last, reason)` in source samples.
    """

    solution: MontageSolution
    stretches: tuple[Stretch, ...]
    bad: tuple[tuple[str, int, int, str], ...]


def usable_channels(codes: Codes, max_bad_fraction: float) -> NDArray[np.bool_]:
    """Channels that are good in enough of their epochs to count at all."""
    return np.asarray((codes != GOOD).mean(axis=1) <= max_bad_fraction)


def stretch_weights(
    whole: MontageSolution, good: MontageSolution, min_electrodes: int
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Weights while some channels are bad, and which electrodes are bad.

    Electrodes that the good channels still determine come from those alone and their mean is the
    reference, so that a bad electrode does not leak into the others. The rest keep their own
    channels, bad as they are, against that same reference. Where too few good ones are left to make
    a reference, the weights stay those of the whole recording.

    Args:
        whole: from all usable channels.
        good: from the good ones, every electrode interpolated that can be.
        min_electrodes: good electrodes needed to form a reference.
    """
    filled_now = np.isin(ELECTRODES, sorted(set(good.interpolated) - set(whole.interpolated)))
    kept = whole.observed & good.observed & ~filled_now
    lost = whole.observed & ~kept
    if kept.sum() < min_electrodes:
        return whole.weights, lost
    weights = np.zeros_like(whole.weights)
    weights[kept] = good.weights[kept] - good.weights[kept].mean(axis=0)
    weights[lost] = whole.weights[lost] - whole.weights[kept].mean(axis=0)
    return weights, lost


def _reason(codes: Codes, channels: Sequence[Derivation | None], electrode: str) -> str:
    """The commonest verdict on the bad channels that touch an electrode."""
    touching = [
        int(code)
        for code, derivation in zip(codes, channels, strict=True)
        if code != GOOD
        and derivation is not None
        and electrode in (derivation.plus, derivation.minus)
    ]
    found = touching or [int(code) for code in codes if code != GOOD]
    return REASONS[max(sorted(set(found)), key=found.count)]


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
        max_bad_fraction: a channel bad for longer than this share is treated as missing throughout.
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
    known: dict[bytes, tuple[Matrix, NDArray[np.bool_]]] = {}
    stretches, bad = [], []
    for begin, end in pairwise(edges):
        now = bad_now[:, begin]
        if now.tobytes() not in known:
            known[now.tobytes()] = (
                stretch_weights(whole, solve(usable & ~now, len(ELECTRODES)), min_electrodes)
                if now.any()
                else (whole.weights, np.zeros(len(ELECTRODES), dtype=bool))
            )
        weights, lost = known[now.tobytes()]
        first, last = int(epochs[begin, 0]), int(epochs[end - 1, 1])
        stretches.append(Stretch(first, last, weights))
        for index in np.flatnonzero(lost):
            reason = _reason(np.where(now, codes[:, begin], GOOD), channels, ELECTRODES[index])
            bad.append((ELECTRODES[index], first, last, reason))
    return MontagePlan(whole, tuple(stretches), tuple(_merged(bad)))


def _merged(bad: list[tuple[str, int, int, str]]) -> list[tuple[str, int, int, str]]:
    """Neighbouring spans of one electrode with one reason become one."""
    merged: list[tuple[str, int, int, str]] = []
    for electrode, first, last, reason in sorted(bad):
        if merged and merged[-1][0] == electrode and merged[-1][2:] == (first, reason):
            merged[-1] = (electrode, merged[-1][1], last, reason)
        else:
            merged.append((electrode, first, last, reason))
    return merged
