"""Which channels are usable now, and how they are combined to electrodes, as time passes."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.preparation.plan import segment_weights, usable_channels
from brainbrr.data.preparation.preparation import MissingElectrodes, Preparation
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import Derivation
from brainbrr.signal.montage import MontageSolution, solve_montage
from brainbrr.signal.quality import GOOD, Codes, with_guard
from brainbrr.signal.spline import Matrix

Weights = tuple[Matrix, NDArray[np.bool_]]
"""`(19, channels)`, and for which of the 19 electrodes they give a usable signal."""

_MAX_KNOWN = 64


class GuardedCodes:
    """Quality codes of an unbroken run, each released once all epochs that can taint it are known.

    Args:
        n_guard: how many epochs a bad one taints on either side.
    """

    def __init__(self, n_guard: int) -> None:
        self._n_guard = n_guard
        self._raw: list[Codes] = []
        self._due = 0

    def push(self, codes: Codes) -> list[Codes]:
        """Take in the next epoch's `(channels,)`; return the codes that are final now."""
        self._raw.append(codes)
        return self._release(len(self._raw) - self._n_guard)

    def revise(self, codes: Codes) -> bool:
        """Replace the newest codes unless they were released; return whether that was possible."""
        pending = self._due < len(self._raw)
        if pending:
            self._raw[-1] = codes
        return pending

    def finish(self) -> list[Codes]:
        """End the run; return the codes that are left."""
        return self._release(len(self._raw))

    def _release(self, stop: int) -> list[Codes]:
        if stop <= self._due:
            return []
        follows = np.ones(len(self._raw), dtype=bool)
        guarded = with_guard(np.stack(self._raw, axis=1), follows, self._n_guard)
        released = [guarded[:, i] for i in range(self._due, stop)]
        n_spent = max(stop - self._n_guard, 0)
        del self._raw[:n_spent]
        self._due = stop - n_spent
        return released


class RunningMontage:
    """The montage, solved again whenever the set of usable channels changes.

    The rule is that of a recording prepared as a whole, over the last `n_history` epochs instead of
    all: a channel bad in more than `max_bad_fraction` of them is missing (and interpolated if
    that is possible), one that is bad now keeps its place and is marked. An electrode that falls
    off and is put back is usable again after a known time.

    Args:
        channels: derivation of each useful channel.
        preparation: its limits.
        n_history: epochs that are counted.

    Raises:
        MissingElectrodes: even all channels together do not give enough electrodes.
    """

    def __init__(
        self, channels: Sequence[Derivation | None], preparation: Preparation, n_history: int
    ) -> None:
        self._channels = channels
        self._preparation = preparation
        self._history: deque[Codes] = deque(maxlen=n_history)
        self._known: dict[bytes, Weights] = {}
        n_electrodes = int(self._solve(np.ones(len(channels), bool), None).observed.sum())
        if n_electrodes < preparation.min_electrodes:
            raise MissingElectrodes(
                f"channels that give {preparation.min_electrodes} or more of the 19 electrodes",
                f"{n_electrodes}",
                "Stream channels against a common reference or in a bipolar chain, with 10-20 "
                "labels.",
            )

    def weights(self, codes: Codes) -> Weights:
        """Return how the next epoch's channels, with codes `(channels,)`, become electrodes."""
        self._history.append(codes)
        limit = self._preparation.max_bad_fraction
        usable = usable_channels(np.stack(self._history, axis=1), limit)
        bad = (codes != GOOD) & usable
        key = usable.tobytes() + bad.tobytes()
        if key not in self._known:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = self._weights(usable, bad)
        return self._known[key]

    def _weights(self, usable: NDArray[np.bool_], bad: NDArray[np.bool_]) -> Weights:
        whole = self._solve(usable, None)
        if not bad.any():
            return whole.weights, whole.observed
        good = self._solve(usable & ~bad, len(ELECTRODES))
        weights, lost = segment_weights(whole, good, self._preparation.min_electrodes)
        return weights, whole.observed & ~lost

    def _solve(self, usable: NDArray[np.bool_], n_filled: int | None) -> MontageSolution:
        preparation = self._preparation
        return solve_montage(
            self._channels,
            usable,
            max_interpolated=preparation.max_interpolated if n_filled is None else n_filled,
            min_neighbours=preparation.min_neighbours,
        )
