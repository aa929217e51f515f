"""The 19 scalp electrodes of the 10-20 system to which every recording is converted."""

ELECTRODES = (
    "Fp1", "F3", "C3", "P3", "O1", "F7", "T3", "T5",
    "Fz", "Cz", "Pz",
    "Fp2", "F4", "C4", "P4", "O2", "F8", "T4", "T6",
)  # fmt: skip
"""SzCORE's order."""

N_ELECTRODES = len(ELECTRODES)

MIRROR = {
    "Fp1": "Fp2", "F3": "F4", "C3": "C4", "P3": "P4", "O1": "O2", "F7": "F8", "T3": "T4", "T5":
    "T6",
}  # fmt: skip
"""Left electrode to its right counterpart."""

_OPPOSITE = MIRROR | {right: left for left, right in MIRROR.items()}
MIRRORED = tuple(ELECTRODES.index(_OPPOSITE.get(name, name)) for name in ELECTRODES)
"""For each electrode the number of the one on the other side of the head."""
