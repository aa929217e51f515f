"""One head's potentials as laboratories with other montages would have recorded them."""

import numpy as np

from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import derivations

BANANA = [
    "Fp1-F7", "F7-T3", "T3-T5", "T5-O1", "Fp1-F3", "F3-C3", "C3-P3", "P3-O1",
    "Fp2-F4", "F4-C4", "C4-P4", "P4-O2", "Fp2-F8", "F8-T4", "T4-T6", "T6-O2", "Fz-Cz", "Cz-Pz",
]  # fmt: skip
CHB_MIT = [
    "FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1", "FP2-F4", "F4-C4",
    "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "FZ-CZ", "CZ-PZ", "P7-T7", "T7-FT9",
    "FT9-FT10", "FT10-T8", "T8-P8",
]  # fmt: skip
MONTAGES = {
    "common": [f"EEG {name}-REF" for name in ELECTRODES],
    "linked ears": [f"EEG {name.upper()}-LE" for name in ELECTRODES],
    "average": [f"{name}-Avg" for name in ELECTRODES],
    "Cz": [f"{name}-Cz" for name in ELECTRODES if name != "Cz"],
    "banana, linked": [*BANANA, "C3-Cz", "Cz-C4"],
    "double banana": BANANA,
    "CHB-MIT": CHB_MIT,
}


def derive(eeg_uv: np.ndarray, labels: list[str]) -> np.ndarray:
    """Channels `(labels, samples)` of potentials `(19, samples)`; what lies outside the 19, such as
    a reference, wanders by itself."""
    at = dict(zip(ELECTRODES, eeg_uv, strict=True)) | {"AVG": eeg_uv.mean(axis=0)}
    generator = np.random.default_rng(8)
    for name in ("REF", "LE", "FT9", "FT10"):
        walk = generator.standard_normal(eeg_uv.shape[1]).cumsum()
        at[name] = walk / np.abs(walk).max() * 100
    pairs = [pair for pair in derivations(labels) if pair is not None]
    return np.stack([at[pair.plus] - at[pair.minus] for pair in pairs])
