"""Which windows an epoch learns from: every seizure's edge, some of its middle, a fair share of
background.

The ratios follow SeizureTransformer (Wu et al., 2025): all windows with part of a seizure, 0.3
times as many inside one,
2.5 times as many without.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.window_index import Kind
from brainbrr.errors import BrainbrrError


class NoSeizures(BrainbrrError):
    """Training data in which nothing is to be learnt."""


class InvalidBalance(BrainbrrError):
    """Ratios below zero, or a rank that does not exist."""


@dataclass(frozen=True)
class Balance:
    """How many windows of each kind an epoch holds, for each window with part of a seizure.

    Attributes:
        full_per_partial: windows wholly inside a seizure.
        none_per_partial: windows without one; each epoch takes others, until all have been seen.
        hard_fraction: share of the windows without seizure that are those the network was last
            most wrong about; 0 for none.
    """

    full_per_partial: float = 0.3
    none_per_partial: float = 2.5
    hard_fraction: float = 0.0

    def __post_init__(self) -> None:
        if min(self.full_per_partial, self.none_per_partial) < 0 or not 0 <= self.hard_fraction < 1:
            raise InvalidBalance(
                "ratios of 0 or more and 0 <= hard_fraction < 1",
                f"{self}",
                "Correct dataloader.balance.",
            )


class BalancedSampler:
    """The windows of each epoch, in an order that follows from the seed and the epoch's number
    alone.

    Background and in-seizure windows are dealt from shuffled decks: an epoch takes the next cards,
    and a deck is
    shuffled anew once it is used up, so that every window has its turn.

    Args:
        kind: a `Kind` for each window, `(windows,)`.
        balance: how many of each kind.
        seed: of the shuffles.
        rank, n_ranks: this process among those that share an epoch; all get equally many windows.
        batch_size: windows in a batch of one process.

    Raises:
        NoSeizures: no window holds any part of a seizure.
    """

    def __init__(
        self,
        kind: NDArray[np.int8],
        balance: Balance,
        *,
        seed: int,
        batch_size: int,
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        if not (0 <= rank < n_ranks and batch_size > 0):
            raise InvalidBalance(
                "0 <= rank < n_ranks and a batch of 1 or more",
                f"rank {rank} of {n_ranks}, batch {batch_size}",
                "Correct dataloader.batch_size or the trainer's devices.",
            )
        self.partial, self.full, self.none = (
            np.flatnonzero(kind == which) for which in (Kind.PARTIAL, Kind.FULL, Kind.NONE)
        )
        if len(self.partial) + len(self.full) == 0:
            raise NoSeizures(
                "at least one window with a seizure in the training split",
                f"{len(kind)} windows, none with one",
                "Check the split and its annotations: brainbrr inspect.",
            )
        # Seizures that fill every window they touch leave no edge to count by.
        base = len(self.partial) or len(self.full)
        self.n_full = min(len(self.full), round(balance.full_per_partial * base))
        if len(self.partial) == 0:
            self.n_full = len(self.full)
        self.n_none = min(len(self.none), round(balance.none_per_partial * base))
        self.n_hard = round(balance.hard_fraction * self.n_none)
        self.hardness = np.zeros(len(kind), dtype=np.float32)
        """For each window the probability of seizure that the network gave it, once it was seen."""
        self.seed, self.batch_size = seed, batch_size
        self.rank, self.n_ranks = rank, n_ranks

    @property
    def n_windows(self) -> int:
        """Windows in an epoch of all processes together."""
        return len(self.partial) + self.n_full + self.n_none

    @property
    def n_batches(self) -> int:
        """Batches in an epoch of one process."""
        return -(-self._n_windows_of_rank // self.batch_size)

    @property
    def _n_windows_of_rank(self) -> int:
        return -(-self.n_windows // self.n_ranks)

    def epoch(self, number: int) -> NDArray[np.int64]:
        """All windows of an epoch in their order, for all processes together."""
        hard = self._hardest()
        windows = np.concatenate(
            [
                self.partial,
                self._deal(self.full, self.n_full, number, Kind.FULL),
                self._deal(self.none, self.n_none - len(hard), number, Kind.NONE),
                hard,
            ]
        )
        return np.random.default_rng([self.seed, number, Kind.PARTIAL]).permutation(windows)

    def batches(self, number: int) -> list[NDArray[np.int64]]:
        """This process's batches of an epoch.

        Where the windows do not divide among the processes, the first ones of the epoch are given
        out again.
        """
        windows = self.epoch(number)
        shared = np.resize(windows, self._n_windows_of_rank * self.n_ranks)
        mine = shared[self.rank :: self.n_ranks]
        return [mine[at : at + self.batch_size] for at in range(0, len(mine), self.batch_size)]

    def _hardest(self) -> NDArray[np.int64]:
        if not self.n_hard or not self.hardness[self.none].any():
            return self.none[:0]
        return self.none[np.argsort(-self.hardness[self.none], kind="stable")[: self.n_hard]]

    def _deal(
        self, deck: NDArray[np.int64], count: int, number: int, kind: Kind
    ) -> NDArray[np.int64]:
        if count == 0:
            return deck[:0]
        first_deck, at = divmod(number * count, len(deck))
        shuffled = [
            np.random.default_rng([self.seed, first_deck + turn, kind]).permutation(deck)
            for turn in range(2)
        ]
        return np.concatenate(shuffled)[at : at + count]
