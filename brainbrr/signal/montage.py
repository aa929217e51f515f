"""Montage algebra: any set of derivations solved for the 19 electrodes in average reference.

Each channel is a difference of two potentials, so a recording is a graph whose nodes are electrodes
and references and whose edges are channels. Within a connected part every difference is determined
(by least squares if there are more channels than needed); the offset between the potentials of two
parts is not in the data at all. That one number per part is chosen so that the potential over the
scalp is as smooth as possible, and the parts are reported.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.signal.labels import AVERAGE, COMMON, LINKED_EARS, Derivation
from brainbrr.signal.positions import POSITIONS
from brainbrr.signal.spline import Matrix, interpolation_matrix, spline_inverse

_JOIN_SMOOTHING = 0.1
"""Smoothing of the spline that determines the offset between parts.

On real recordings reduced to bipolar chains the error in average reference is 0.14 to 0.24 of the
signal if left and right are linked (as in CHB-MIT), 0.32 to 0.48 if they are not; with each part
around its own mean 0.19 to 0.26 and 0.36 to 0.40; with hardly any smoothing up to 1.27.
"""

_INDEX = {name: index for index, name in enumerate(ELECTRODES)}


@dataclass(frozen=True)
class MontageSolution:
    """How channels become electrodes.

    Attributes:
        weights: `(19, channels)`; `weights @ channels` are the electrodes in average reference.
            Rows of absent electrodes are 0.
        observed: `(19,)` recorded or interpolated; False is absent and must be masked.
        interpolated: electrodes that were interpolated from their neighbors.
        parts: sets of electrodes that no channel links; a single set if all is determined.
        reference: `average`, `linked_ears`, `common`, `ears`, an electrode's name, `bipolar` or
            `mixed`.
    """

    weights: Matrix
    observed: NDArray[np.bool_]
    interpolated: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    reference: str


def useful_channels(channels: Sequence[Derivation | None]) -> NDArray[np.bool_]:
    """Select the channels that carry information about the 19 electrodes.

    A channel to a dead end outside the 19 (`EKG1-REF`, or the only channel of a reference) carries
    none, nor does one between an electrode and itself.
    """
    # Removing a dead end may create the next one, as in a chain of electrodes outside the 19, so
    # the pruning is repeated until nothing changes.
    alive = np.array([d is not None and d.plus != d.minus for d in channels], dtype=bool)
    while True:
        degree: Counter[str] = Counter()
        for derivation, keep in zip(channels, alive, strict=True):
            if derivation is not None and keep:
                degree.update((derivation.plus, derivation.minus))
        ends = {name for name, count in degree.items() if count == 1 and name not in _INDEX}
        dead = np.array(
            [
                bool(keep) and d is not None and bool({d.plus, d.minus} & ends)
                for d, keep in zip(channels, alive, strict=True)
            ],
            dtype=bool,
        )
        if not dead.any():
            return alive
        alive &= ~dead


def connected_parts(channels: Iterable[Derivation]) -> list[set[str]]:
    """Group the potentials that channels connect, largest group first."""
    parts: list[set[str]] = []
    for derivation in channels:
        ends = {derivation.plus, derivation.minus}
        touched = [part for part in parts if part & ends]
        parts = [part for part in parts if not part & ends] + [ends.union(*touched)]
    return sorted(parts, key=lambda part: (-len(part & _INDEX.keys()), min(part)))


def reference_name(channels: Sequence[Derivation]) -> str:
    """Name what the channels were recorded against, in one word."""
    minus = {derivation.minus for derivation in channels}
    words = {
        COMMON: "common",
        LINKED_EARS: "linked_ears",
        AVERAGE: "average",
        "LM": "linked_mastoids",
    }
    if len(minus) == 1:
        only = next(iter(minus))
        return words.get(only, "ears" if only in {"A1", "A2", "M1", "M2"} else only)
    if minus <= {"A1", "A2", "M1", "M2"}:
        return "ears"
    return "mixed" if minus & words.keys() else "bipolar"


def _potentials(channels: Sequence[Derivation | None], used: NDArray[np.bool_]) -> Matrix:
    """Solve least-squares potentials `(19, channels)`, each connected part around its own mean."""
    edges = [(i, d) for i, d in enumerate(channels) if d is not None and used[i]]
    nodes = sorted({name for _, d in edges for name in (d.plus, d.minus)})
    row = {name: index for index, name in enumerate(nodes)}
    incidence = np.zeros((len(edges), len(nodes)))
    for edge, (_, derivation) in enumerate(edges):
        incidence[edge, row[derivation.plus]] = 1.0
        incidence[edge, row[derivation.minus]] = -1.0
    # The columns of each connected part add up to zero, so its mean is undetermined: the
    # pseudo-inverse picks the solution of least norm, which has a mean of zero.
    solved = np.linalg.pinv(incidence)
    potentials = np.zeros((N_ELECTRODES, len(channels)))
    for name in _INDEX.keys() & row.keys():
        potentials[_INDEX[name], [index for index, _ in edges]] = solved[row[name]]
    return potentials


def _join(potentials: Matrix, parts: Sequence[Sequence[int]]) -> Matrix:
    """Shift each part as a whole so that the spline through all of them bends least.

    With potentials `p + M s` (`M` assigns each electrode to its part, `s` are the shifts) and the
    spline's bending energy `(p + M s)' E (p + M s)`, the minimum is at `s = -(M' E M)^+ M' E p`. A
    shift common to all parts costs nothing, hence the pseudo-inverse; the average reference removes
    it.
    """
    if len(parts) < 2:
        return potentials
    index = np.concatenate([np.asarray(part) for part in parts])
    members = np.zeros((len(index), len(parts)))
    members[np.arange(len(index)), np.repeat(np.arange(len(parts)), [len(p) for p in parts])] = 1.0
    energy = spline_inverse(POSITIONS[index], smoothing=_JOIN_SMOOTHING)[:-1, :-1]
    shift = -np.linalg.pinv(members.T @ energy @ members) @ members.T @ energy @ potentials[index]
    joined = potentials.copy()
    joined[index] += members @ shift
    return joined


def interpolable(
    observed: NDArray[np.bool_], max_interpolated: int, min_neighbours: int, neighbour_deg: float
) -> NDArray[np.bool_]:
    """Select the absent electrodes to interpolate: those with neighbors, if few are absent."""
    missing = ~observed
    if not 0 < missing.sum() <= max_interpolated:
        return np.zeros(N_ELECTRODES, dtype=bool)
    near = np.deg2rad(neighbour_deg) > np.arccos(np.clip(POSITIONS @ POSITIONS.T, -1, 1))
    return missing & ((near & observed).sum(axis=1) >= min_neighbours)


def solve_montage(
    channels: Sequence[Derivation | None],
    usable: NDArray[np.bool_] | None = None,
    *,
    max_interpolated: int = 4,
    min_neighbours: int = 3,
    neighbour_deg: float = 65.0,
) -> MontageSolution:
    """Solve any set of derivations for the 19 electrodes in average reference.

    An electrode that no channel links to another of the 19 is absent: its potential would be
    nothing but the smooth guess. Absent electrodes are interpolated by spherical splines if they
    are few and have neighbors; otherwise they are left out of the average and masked.

    Args:
        channels: derivation of each channel, None if it is not EEG.
        usable: `(channels,)` False for channels to leave out, e.g. because they are bad.
        max_interpolated: with more electrodes missing than this, none is interpolated.
        min_neighbours: recorded electrodes required around an interpolated one.
        neighbour_deg: angle on the sphere within which an electrode is a neighbour.
    """
    used = np.ones(len(channels), dtype=bool) if usable is None else usable
    used = useful_channels([d if keep else None for d, keep in zip(channels, used, strict=True)])
    edges = [d for d, keep in zip(channels, used, strict=True) if d is not None and keep]
    parts = [sorted(_INDEX[n] for n in part & _INDEX.keys()) for part in connected_parts(edges)]
    parts = [part for part in parts if len(part) > 1]
    recorded = np.zeros(N_ELECTRODES, dtype=bool)
    for part in parts:
        recorded[part] = True
    potentials = _join(_potentials(channels, used), parts)
    filled = interpolable(recorded, max_interpolated, min_neighbours, neighbour_deg)
    if filled.any():
        spline = interpolation_matrix(POSITIONS[recorded], POSITIONS[filled])
        potentials[filled] = spline @ potentials[recorded]
    observed = recorded | filled
    weights = np.zeros_like(potentials)
    if observed.any():
        weights[observed] = potentials[observed] - potentials[observed].mean(axis=0)
    return MontageSolution(
        weights=weights,
        observed=observed,
        interpolated=tuple(np.array(ELECTRODES)[filled].tolist()),
        parts=tuple(tuple(ELECTRODES[i] for i in part) for part in parts),
        reference=reference_name(edges) if edges else "none",
    )
