"""The windows of a prepared corpus as Lightning data: balanced to train, all to evaluate."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from lightning import LightningDataModule
from torch.utils.data import DataLoader

from brainbrr.data.corpora.manifest import ManifestRow, read_manifest
from brainbrr.data.windows.dataset import (
    OpenSignal,
    WeightedSpans,
    WindowBatch,
    WindowDataset,
    open_mapped,
)
from brainbrr.data.windows.index import Windowing, require_labels
from brainbrr.data.windows.loader import LoaderOptions, ResumableLoader
from brainbrr.data.windows.sampler import BalancedSampler
from brainbrr.errors import NotFound

DEFAULT_WINDOWING = Windowing(rate_hz=256.0, window_s=60.0, stride_s=10.0)
DEFAULT_OPTIONS = LoaderOptions()


class WindowDataModule(LightningDataModule):
    """The windows of a prepared corpus: for training balanced per epoch and divided among the
    processes, for validation and test all windows in order.

    Args:
        cache_folder: the folder of the prepared signals.
        rows: the recordings, with their splits; None reads `manifest.jsonl` of the folder.
        windowing: how recordings are cut into windows.
        options: batch size, balance and workers.
        seed: of the order of windows.
        weights: segments of recordings with another weight in the loss, by recording id.
        open_signal: maps a recording's prepared signal.

    Raises:
        NotFound: no recording in the split `train`.
        InvalidInput: a recording without annotation, or no window with any part of a seizure.
    """

    def __init__(
        self,
        cache_folder: str | Path,
        rows: Sequence[ManifestRow] | None = None,
        *,
        windowing: Windowing = DEFAULT_WINDOWING,
        options: LoaderOptions = DEFAULT_OPTIONS,
        seed: int = 0,
        weights: dict[str, WeightedSpans] | None = None,
        open_signal: OpenSignal = open_mapped,
    ) -> None:
        super().__init__()
        self.cache_folder = Path(cache_folder)
        if rows is None:
            rows = read_manifest(self.cache_folder / "manifest.jsonl")
        self.rows, self.windowing, self.options, self.seed = list(rows), windowing, options, seed
        self._open_signal = open_signal
        self.dataset = self._dataset("train", weights)
        # Windows without an electrode get no kind, so that no epoch samples them.
        self._kind = np.where(self.dataset.blind(), np.int8(-1), self.dataset.index.kind)
        self.sampler(0, 1)

    def sampler(self, rank: int, n_ranks: int) -> BalancedSampler:
        """Return the sampler of one of the processes."""
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
        """Return the fraction of seizure among the samples of an epoch, after a curriculum."""
        windows = self.sampler(0, 1).epoch(self.options.balance.curriculum_epochs)
        index = self.dataset.index
        return float(np.sum(index.seizure_samples[windows]) / np.sum(index.n_samples[windows]))

    def train_dataloader(self) -> ResumableLoader:
        """Return the training batches of this process."""
        rank, n_ranks = self._place()
        return ResumableLoader(self.dataset, self.sampler(rank, n_ranks), self.options)

    def val_dataloader(self) -> DataLoader[WindowBatch]:
        """Return all windows of the split `val` that have an electrode, in order."""
        return self._evaluation_loader("val")

    def test_dataloader(self) -> DataLoader[WindowBatch]:
        """Return all windows of the split `test` that have an electrode, in order."""
        return self._evaluation_loader("test")

    def _evaluation_loader(self, split: str) -> DataLoader[WindowBatch]:
        dataset = self._dataset(split)
        windows, size = np.flatnonzero(~dataset.blind()).tolist(), self.options.eval_batch_size
        batches = [windows[first : first + size] for first in range(0, len(windows), size)]
        rank, n_ranks = self._place()
        return self.options.loader(dataset, batches[rank::n_ranks])

    def _dataset(
        self, split: str, weights: dict[str, WeightedSpans] | None = None
    ) -> WindowDataset:
        rows = rows_of_split(self.rows, split)
        require_labels(rows, {"train": "training", "val": "validation"}.get(split, split))
        return WindowDataset(
            rows,
            self.cache_folder,
            self.windowing,
            weights=weights,
            open_signal=self._open_signal,
        )

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


def rows_of_split(rows: Sequence[ManifestRow], split: str) -> list[ManifestRow]:
    """Return the recordings of one split.

    Raises:
        NotFound: it has none.
    """
    chosen = [row for row in rows if row.split == split]
    if not chosen:
        splits = ", ".join(sorted({row.split or "none" for row in rows})) or "no recordings"
        raise NotFound(
            f"recordings in the split {split}",
            f"splits: {splits}",
            "Prepare the corpus with a split.",
        )
    return chosen
