"""The largest batch that fits the device, for the same effective batch."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.errors import BrainbrrError
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.training.trainer_options import TrainerOptions

log = logging.getLogger(__name__)


class NothingFits(BrainbrrError):
    """A device on which not even one window can be learnt from."""


def largest_batch(fits: Callable[[int], bool], effective: int) -> int:
    """The largest divisor of the effective batch for which a real step succeeds.

    Only divisors are tried, so that batch times accumulation stays what it was; from below, so that
    a device short of memory is not driven far beyond it.

    Args:
        fits: takes a training step with that many windows; whether memory sufficed.
        effective: windows of one step of the optimiser.

    Raises:
        NothingFits: not even one window does.
    """
    best = 0
    for size in (size for size in range(1, effective + 1) if effective % size == 0):
        if not fits(size):
            break
        best = size
    if best == 0:
        raise NothingFits(
            "memory for a batch of one window",
            "too little",
            "Choose a smaller model, or trainer.checkpoint_gradients=true.",
        )
    log.info("Batch of %d windows, gathered %d times", best, effective // best)
    return best


def with_fitting_batch(
    network: nn.Module,
    options: TrainerOptions,
    loader: LoaderOptions,
    n_samples: int,
    stored: dict[str, Any] | None,
) -> tuple[TrainerOptions, LoaderOptions]:
    """The options with the largest batch that fits, their product as it was.

    Args:
        n_samples: length of a window.
        stored: the checkpoint to be continued, whose batch is taken without a trial; or None.
    """
    effective = loader.batch_size * options.accumulate_grad_batches
    if stored is not None:
        best = int(stored["fingerprint"]["batch_size"])
    else:
        lightning = options.trainer(Path(), [], [])
        device = lightning.strategy.root_device
        fits = step_fits(
            network.to(device),
            n_samples=n_samples,
            device=device,
            autocast=lightning.precision_plugin.forward_context,
        )
        best = largest_batch(fits, effective)
    return (
        replace(options, accumulate_grad_batches=effective // best),
        replace(loader, batch_size=best),
    )


def step_fits(
    network: nn.Module,
    *,
    n_samples: int,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[object]],
    reserve: float = 1.1,
) -> Callable[[int], bool]:
    """A test for `largest_batch`: forward and backward on random EEG, weights left as they are.

    Args:
        network: `network(eeg, observed) -> logits`, on the device.
        n_samples: length of a window.
        autocast: makes the context of reduced precision.
        reserve: factor of the windows that must fit, for optimiser states and fragmentation.
    """

    def fits(size: int) -> bool:
        padded = max(size + 1, round(size * reserve))
        try:
            eeg = torch.randn(padded, N_ELECTRODES, n_samples, device=device)
            observed = torch.ones(padded, N_ELECTRODES, dtype=torch.bool, device=device)
            with autocast():
                loss = network(eeg, observed).float().square().mean()
            loss.backward()
        except (torch.cuda.OutOfMemoryError, MemoryError):
            return False
        except RuntimeError as error:
            # Apple GPUs and the processor have no class of their own for want of memory.
            if "out of memory" in str(error) or "allocate memory" in str(error):
                return False
            raise
        finally:
            network.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.empty_cache()
        return True

    return fits
