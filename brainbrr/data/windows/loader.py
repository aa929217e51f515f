"""Batches in a fixed order, resumable within an epoch, with any number of workers."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from brainbrr.data.windows.dataset import WindowBatch, WindowDataset, whole_batch
from brainbrr.data.windows.sampler import Balance, BalancedSampler
from brainbrr.errors import InvalidInput, InvalidOption


@dataclass(frozen=True)
class LoaderOptions:
    """How batches reach the device.

    Attributes:
        batch_size: windows in a training batch of one process.
        eval_batch_size: windows in a batch without gradients.
        num_workers: processes that read ahead; 0 reads in the training process.
        pin_memory: page-locked host memory, for faster copies to a CUDA device.
        persistent_workers: keep workers from one epoch to the next.
        prefetch_factor: batches that each worker reads ahead.
        balance: how many windows of each kind an epoch holds.
    """

    batch_size: int = 8
    eval_batch_size: int = 16
    num_workers: int = 0
    pin_memory: bool = False
    persistent_workers: bool = False
    prefetch_factor: int = 2
    balance: Balance = field(default_factory=Balance)

    def __post_init__(self) -> None:
        least = {"batch_size": 1, "eval_batch_size": 1, "num_workers": 0, "prefetch_factor": 1}
        for name, lowest in least.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < lowest:
                raise InvalidOption(
                    f"{name} of {lowest} or more", str(value), f"Correct dataloader.{name}."
                )

    def loader(self, dataset: WindowDataset, batches: object) -> DataLoader[WindowBatch]:
        """Return a loader of these batches; its order and values do not depend on these options."""
        return DataLoader(
            dataset,
            batch_sampler=batches,  # type: ignore[arg-type]
            collate_fn=whole_batch,  # type: ignore[arg-type]
            num_workers=self.num_workers,
            pin_memory=self.pin_memory,
            persistent_workers=self.persistent_workers and self.num_workers > 0,
            prefetch_factor=self.prefetch_factor if self.num_workers else None,
            # A separate generator: worker seeds must not advance the one that dropout draws from.
            generator=torch.Generator().manual_seed(0),
        )


class ResumableLoader:
    """The training batches of one epoch after another, resumable at the next batch.

    Args:
        dataset: the windows.
        sampler: which windows each epoch's batches hold.
        options: how they are read.
    """

    def __init__(
        self, dataset: WindowDataset, sampler: BalancedSampler, options: LoaderOptions
    ) -> None:
        self.dataset = dataset
        self.balanced = sampler
        self.sampler = self
        """The attribute on which Lightning calls `set_epoch`."""
        self.epoch = 0
        self.handed_out = 0
        self.waited_s = 0.0
        """Time spent waiting for data."""
        self._remaining = _Remaining()
        self._loader = options.loader(dataset, self._remaining)

    def __len__(self) -> int:
        return self.balanced.n_batches

    def __iter__(self) -> Iterator[WindowBatch]:
        """Yield the batches of the current epoch that are left.

        Nothing is read before the first batch is asked for: an iterator may be made before the
        epoch's number is set.
        """
        self._remaining.batches = self.balanced.batches(self.epoch)[self.handed_out :]
        requested_s = time.perf_counter()
        for batch in self._loader:
            self.waited_s += time.perf_counter() - requested_s
            self.handed_out += 1
            yield batch
            requested_s = time.perf_counter()

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch, unless it is the one in progress."""
        if epoch != self.epoch:
            self.epoch, self.handed_out = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """Return the position of the next batch."""
        return {"epoch": self.epoch, "handed_out": self.handed_out, "n_batches": len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to the position that `state_dict` returned.

        Raises:
            InvalidInput: that epoch had another number of batches.
        """
        if state["n_batches"] != len(self):
            raise InvalidInput(
                f"a run of {len(self)} batches per epoch",
                f"a checkpoint of {state['n_batches']}",
                "Resume with the same data, batch size and number of processes.",
            )
        self.epoch, self.handed_out = state["epoch"], state["handed_out"]


class _Remaining:
    """A batch sampler whose batches are replaced between epochs, so that persistent workers can
    stay."""

    def __init__(self) -> None:
        self.batches: list[NDArray[np.int64]] = []

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self.batches)

    def __len__(self) -> int:
        return len(self.batches)
