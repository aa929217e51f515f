"""Spherical splines: what the scalp's potential is between the electrodes (Perrin et al. 1989, 10.1016/0013-4694(89)90180-6)."""

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def spline_kernel(cosines: Matrix, *, order: int = 4, n_terms: int = 50) -> Matrix:
    """Perrin's `g` of the cosine of the angle between two points (their equation 3), same shape as `cosines`."""
    n = np.arange(1, n_terms + 1, dtype=np.float64)
    factors = np.concatenate([[0.0], (2 * n + 1) / (n * (n + 1)) ** order / (4 * np.pi)])
    return np.asarray(legendre.legval(np.clip(cosines, -1.0, 1.0), factors))


def spline_inverse(positions: Matrix, *, smoothing: float = 1e-5) -> Matrix:
    """Inverse of the spline's bordered system, `(n + 1, n + 1)`: potentials at `positions` to spline coefficients.

    Its upper left `(n, n)` block is also the quadratic form of the spline's bending energy.
    """
    n = len(positions)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = spline_kernel(positions @ positions.T) + smoothing * np.eye(n)
    system[n, n] = 0.0
    return np.linalg.pinv(system)


def interpolation_matrix(known: Matrix, wanted: Matrix, *, smoothing: float = 1e-5) -> Matrix:
    """Weights `(n_wanted, n_known)` that give the potential at `wanted` from that at `known`; each row sums to 1.

    Args:
        known: unit vectors `(n_known, 3)` of the electrodes that were recorded.
        wanted: unit vectors `(n_wanted, 3)`.
        smoothing: added to the kernel's diagonal (MNE's value by default).
    """
    n = len(known)
    at_wanted = np.hstack([spline_kernel(wanted @ known.T), np.ones((len(wanted), 1))])
    weights: Matrix = (at_wanted @ spline_inverse(known, smoothing=smoothing))[:, :n]
    return weights
