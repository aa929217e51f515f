"""Derive a recorder's channels from potentials: against ears, a common reference, Cz, or chains."""

import numpy as np
from numpy.typing import NDArray

from brainbrr.errors import InvalidOption
from brainbrr.signal.electrodes import ELECTRODES, N_ELECTRODES
from brainbrr.synthesis.scalp import topography

BANANA = (
    "Fp1-F7", "F7-T3", "T3-T5", "T5-O1", "Fp1-F3", "F3-C3", "C3-P3", "P3-O1", "Fz-Cz", "Cz-Pz",
    "Fp2-F4", "F4-C4", "C4-P4", "P4-O2", "Fp2-F8", "F8-T4", "T4-T6", "T6-O2",
)  # fmt: skip
"""The longitudinal bipolar montage ("double banana")."""

EARS = topography({"T3": 0.2, "T5": 0.15, "F7": 0.05, "T4": 0.2, "T6": 0.15, "F8": 0.05})
_BETWEEN_FZ_AND_CZ = topography({"Fz": 0.45, "Cz": 0.45})


def derivation(montage: str) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return channel labels and the matrix `(channels, electrodes)` that derives them.

    The potential of the ears is a fraction of that of the temples, the potential of the common
    reference a fraction of that of Fz and Cz.
    """
    eye = np.eye(N_ELECTRODES, dtype=np.float32)
    if montage == "linked_ears":
        return tuple(f"EEG {name}-LE" for name in ELECTRODES), eye - EARS
    if montage == "common":
        return tuple(f"EEG {name}-REF" for name in ELECTRODES), eye - _BETWEEN_FZ_AND_CZ
    if montage == "cz":
        rest = [index for index, name in enumerate(ELECTRODES) if name != "Cz"]
        matrix = (eye - topography({"Cz": 1.0}))[rest]
        return tuple(f"EEG {ELECTRODES[index]}-Cz" for index in rest), matrix
    if montage == "bipolar":
        pairs = [pair.split("-") for pair in BANANA]
        matrix = np.stack([topography({plus: 1.0, minus: -1.0}) for plus, minus in pairs])
        return tuple(pair.upper() for pair in BANANA), matrix
    raise InvalidOption("a known montage", montage, "Use common, linked_ears, cz or bipolar.")
