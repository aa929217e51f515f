"""Hands Lightning the training batches; validation reads whole recordings and needs no loader of
its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from lightning import LightningDataModule

from brainbrr.data.corpora.manifest import ManifestRow
from brainbrr.data.windows.dataset import OpenSignal, WeightedSpans, WindowDataset, open_mapped
from brainbrr.data.windows.index import Windowing, require_labels
from brainbrr.data.windows.loader import LoaderOptions, ResumableLoader
from brainbrr.data.windows.sampler import BalancedSampler


class WindowDataModule(LightningDataModule):
    """The training windows of a corpus, balanced anew for each epoch and shared among the
    processes.

    Args:
        rows: the training recordings.
        cache_folder: where their prepared signals lie.
        windowing: how they are cut up.
        options: batch size, balance and workers.
        seed: of the epochs' order.
        weights: stretches of recordings that count more or less, by recording id.
        open_signal: maps a recording's prepared signal.

    Raises:
        InvalidInput: a recording without annotation, or no window with any part of a seizure.
    """

    def __init__(
        self,
        rows: Sequence[ManifestRow],
        cache_folder: Path,
        *,
        windowing: Windowing,
        options: LoaderOptions,
        seed: int,
        weights: dict[str, WeightedSpans] | None = None,
        open_signal: OpenSignal = open_mapped,
    ) -> None:
        super().__init__()
        require_labels(rows, "training")
        self.options, self.seed = options, seed
        self.dataset = WindowDataset(
            rows, cache_folder, windowing, weights=weights, open_signal=open_signal
        )
        # Of no kind, so that no epoch takes them.
        self._kind = np.where(self.dataset.blind(), np.int8(-1), self.dataset.index.kind)
        self.sampler(0, 1)

    def sampler(self, rank: int, n_ranks: int) -> BalancedSampler:
        """What one of the processes draws."""
        return BalancedSampler(
            self._kind,
            self.options.balance,
            seed=self.seed,
            batch_size=self.options.batch_size,
            rank=rank,
            n_ranks=n_ranks,
        )

    @property
    def seizure_fraction(self) -> float:
        """Share of seizure among the recorded samples of an epoch, once a curriculum is over."""
        windows = self.sampler(0, 1).epoch(self.options.balance.curriculum_epochs)
        index = self.dataset.index
        return float(np.sum(index.seizure_samples[windows]) / np.sum(index.n_samples[windows]))

    def train_dataloader(self) -> ResumableLoader:
        """The batches of this process."""
        rank, n_ranks = (
            (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        )
        return ResumableLoader(self.dataset, self.sampler(rank, n_ranks), self.options)
