"""Distances between electrodes, and the fields, correlations and spread they imply."""

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.positions import POSITIONS

FRONT_TO_BACK = POSITIONS[:, 1] / np.abs(POSITIONS[:, 1]).max()
"""How far in front each electrode lies, `(electrodes,)`: 1 the foremost, negative behind."""

_NEIGHBOUR_RAD = 1.0
_CORRELATION_RAD = 0.9


@cache
def distances_rad() -> NDArray[np.float64]:
    """Compute the angle between each two electrodes, `(electrodes, electrodes)`."""
    cosine = np.clip(POSITIONS @ POSITIONS.T, -1.0, 1.0)
    return np.arccos(cosine) * (1 - np.eye(len(POSITIONS)))


@cache
def path_lengths_rad() -> NDArray[np.float64]:
    """Compute the shortest path between electrodes over the graph of scalp neighbours."""
    near = np.where(distances_rad() <= _NEIGHBOUR_RAD, distances_rad(), 0.0)
    return np.asarray(shortest_path(near, directed=False))


@cache
def spatial_mixing() -> NDArray[np.float32]:
    """Compute the lower-triangular matrix that correlates independent sources like scalp EEG."""
    correlation = np.exp(-distances_rad() / _CORRELATION_RAD)
    return np.linalg.cholesky(correlation).astype(np.float32)


def field(centre: int, width_rad: float) -> NDArray[np.float32]:
    """Compute how strongly each electrode sees a source under electrode `centre`: a Gaussian."""
    return np.exp(-((distances_rad()[centre] / width_rad) ** 2)).astype(np.float32)


def topography(weights: Mapping[str, float]) -> NDArray[np.float32]:
    """Convert named weights to a vector over the electrodes; those not named are 0."""
    return np.array([weights.get(name, 0.0) for name in ELECTRODES], dtype=np.float32)


def mix(mixing: NDArray[np.float32], sources: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply matrices in a way whose bits do not depend on the number of threads."""
    return np.einsum("ij,jt->it", mixing, sources, optimize=False)
