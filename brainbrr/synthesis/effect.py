"""What a seizure or a pattern does to the potentials of the brain, synthetic or real."""

from typing import NamedTuple

import numpy as np

from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.synthesis.noise import Signal, add_at


class Effect(NamedTuple):
    """Waves added and background attenuated: `background * potentials + waves_uv`.

    Attributes:
        waves_uv: `(electrodes, samples)` microvolts.
        background: `(electrodes, samples)`, 1 where the background is unchanged.
        suppression_s: seconds of suppressed background afterwards; 0 for none.
    """

    waves_uv: Signal
    background: Signal
    suppression_s: float = 0.0

    @classmethod
    def none(cls, n_samples: int) -> "Effect":
        """Return what changes nothing."""
        shape = (N_ELECTRODES, n_samples)
        return cls(np.zeros(shape, dtype=np.float32), np.ones(shape, dtype=np.float32))

    def add(self, other: "Effect", start: int) -> None:
        """Combine with another effect from sample `start`, in place; what lies outside is cut."""
        add_at(self.waves_uv, other.waves_uv, start)
        changed = self.background[:, start : start + other.background.shape[1]]
        changed *= other.background[:, : changed.shape[1]]
