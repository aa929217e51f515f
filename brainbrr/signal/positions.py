"""Positions of the electrodes on a spherical head."""

import numpy as np
from numpy.typing import NDArray

from brainbrr.signal.electrodes import ELECTRODES

_SPHERICAL_DEG = {
    "Fp1": (-92, -72), "F3": (-60, -51), "C3": (-46, 0), "P3": (-60, 51), "O1": (-92, 72),
    "F7": (-92, -36), "T3": (-92, 0), "T5": (-92, 36),
    "Fz": (46, 90), "Cz": (0, 0), "Pz": (46, -90),
    "Fp2": (92, 72), "F4": (60, 51), "C4": (46, 0), "P4": (60, -51), "O2": (92, -72),
    "F8": (92, 36), "T4": (92, 0), "T6": (92, -36),
}  # fmt: skip
"""BESA's angles of the 10-20 system: from the vertex, then counter-clockwise from the right."""


def unit_sphere(angles_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convert `(n, 2)` BESA angles to unit vectors, x to the right ear, y to the nose, z up."""
    theta, phi = np.deg2rad(angles_deg).T
    return np.stack(
        [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1
    )


POSITIONS = unit_sphere(np.array([_SPHERICAL_DEG[name] for name in ELECTRODES], dtype=np.float64))
"""Unit vectors `(19, 3)` in the order of `ELECTRODES`."""
