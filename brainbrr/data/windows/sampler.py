"""Draw the windows of an epoch: every seizure's edge, some of its middle, some background.

The ratios follow SeizureTransformer (Wu et al., 2025): all windows with part of a seizure, 0.3
times as many inside one, 2.5 times as many without.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.windows.index import Kind
from brainbrr.errors import InvalidInput, InvalidOption

REPEATED = len(Kind)
"""First of the random streams that deal a curriculum's seizures: one per epoch, after those of the
kinds."""


@dataclass(frozen=True)
class Balance:
    """How many windows of each kind an epoch holds, for each window with part of a seizure.

    Attributes:
        full_per_partial: windows wholly inside a seizure.
        none_per_partial: windows without one; each epoch takes others, until all have been seen.
        hard_fraction: fraction of the windows without seizure that are those the network was last
            most wrong about.
        curriculum_epochs: epochs in which the fraction of windows with seizure goes from
            `curriculum_share` to what the ratios give. Every epoch has as many windows.
        curriculum_share: that fraction in the first epoch. Seizures are repeated if they are too
            few for it; if the ratios already give more, nothing changes.
    """

    full_per_partial: float = 0.3
    none_per_partial: float = 2.5
    hard_fraction: float = 0.0
    curriculum_epochs: int = 0
    curriculum_share: float = 0.6

    def __post_init__(self) -> None:
        ratios = (self.full_per_partial, self.none_per_partial, self.curriculum_epochs)
        shares = (self.hard_fraction, self.curriculum_share)
        if min(ratios) < 0 or not all(0 <= share < 1 for share in shares):
            raise InvalidOption(
                "ratios and epochs of 0 or more, 0 <= hard_fraction < 1, 0 <= curriculum_share < 1",
                f"{self}",
                "Correct dataloader.balance.",
            )

    def easing(self, epoch: int) -> float:
        """Return how much of the curriculum is left: 1 in the first epoch, 0 once it is over."""
        return max(0.0, 1.0 - epoch / self.curriculum_epochs) if self.curriculum_epochs else 0.0


class BalancedSampler:
    """The windows of each epoch, in an order given by the seed and the epoch's number alone.

    Background and in-seizure windows are dealt from shuffled decks: an epoch takes the next cards,
    and a deck is shuffled again once it is used up, so that every window is used.

    Args:
        kind: a `Kind` for each window, `(windows,)`.
        balance: how many of each kind.
        seed: of the shuffles.
        rank, n_ranks: this process among those that share an epoch; all get equally many windows.
        batch_size: windows in a batch of one process.

    Raises:
        InvalidInput: no window holds any part of a seizure.
        InvalidOption: a rank or batch size that does not exist.
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
            raise InvalidOption(
                "0 <= rank < n_ranks and a batch of 1 or more",
                f"rank {rank} of {n_ranks}, batch {batch_size}",
                "Correct dataloader.batch_size or the trainer's devices.",
            )
        self.partial, self.full, self.none = (
            np.flatnonzero(kind == which) for which in (Kind.PARTIAL, Kind.FULL, Kind.NONE)
        )
        if len(self.partial) + len(self.full) == 0:
            raise InvalidInput(
                "at least one window with a seizure in the training split",
                f"{len(kind)} windows, none with one",
                "Check the split and its annotations: brainbrr inspect.",
            )
        # If seizures fill every window they touch, there are no edges to count by.
        base = len(self.partial) or len(self.full)
        self.n_full = min(len(self.full), round(balance.full_per_partial * base))
        if len(self.partial) == 0:
            self.n_full = len(self.full)
        self.n_none = min(len(self.none), round(balance.none_per_partial * base))
        self.balance = balance
        self.hardness = np.zeros(len(kind), dtype=np.float32)
        """For each window the probability of seizure that the network last gave it."""
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

    def n_repeated(self, number: int) -> int:
        """Return the windows with seizure that replace background while the curriculum lasts."""
        n_seizure = len(self.partial) + self.n_full
        wanted = round(self.balance.curriculum_share * self.n_windows) - n_seizure
        return round(self.balance.easing(number) * min(max(wanted, 0), self.n_none))

    def epoch(self, number: int) -> NDArray[np.int64]:
        """Return all windows of an epoch in their order, for all processes together."""
        hard, seizures = self._hardest(number), np.concatenate([self.partial, self.full])
        windows = np.concatenate(
            [
                self.partial,
                self._deal(self.full, self.n_full, number * self.n_full, Kind.FULL),
                self._deal(seizures, self.n_repeated(number), 0, REPEATED + number),
                self._deal(self.none, *self._background(number), Kind.NONE),
                hard,
            ]
        )
        return np.random.default_rng([self.seed, number, Kind.PARTIAL]).permutation(windows)

    def batches(self, number: int) -> list[NDArray[np.int64]]:
        """Return this process's batches of an epoch.

        If the windows do not divide evenly among the processes, the first ones of the epoch are
        used twice.
        """
        windows = self.epoch(number)
        shared = np.resize(windows, self._n_windows_of_rank * self.n_ranks)
        windows = shared[self.rank :: self.n_ranks]
        return [windows[i : i + self.batch_size] for i in range(0, len(windows), self.batch_size)]

    def _hardest(self, number: int) -> NDArray[np.int64]:
        order = np.argsort(-self.hardness[self.none], kind="stable")
        return self.none[order[: self._n_hard(number)]]

    def _n_hard(self, number: int) -> int:
        known = self.hardness[self.none].any()
        share = self.balance.hard_fraction if known else 0.0
        return round(share * (self.n_none - self.n_repeated(number)))

    def _background(self, number: int) -> tuple[int, int]:
        """Return how many cards of the background's deck an epoch takes, and where they begin."""
        counts = [
            self.n_none - self.n_repeated(epoch) - self._n_hard(epoch)
            for epoch in range(number + 1)
        ]
        return counts[-1], sum(counts[:-1])

    def _deal(
        self, deck: NDArray[np.int64], count: int, start: int, stream: int
    ) -> NDArray[np.int64]:
        """Return cards `start` to `start + count` of an infinite row of shuffled decks."""
        if count == 0:
            return deck[:0]
        first_deck, at = divmod(start, len(deck))
        n_decks = -(-(at + count) // len(deck))
        shuffled = [
            np.random.default_rng([self.seed, first_deck + turn, stream]).permutation(deck)
            for turn in range(n_decks)
        ]
        return np.concatenate(shuffled)[at : at + count]
