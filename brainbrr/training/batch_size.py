"""Find the largest batch that fits the device, for the same effective batch."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from brainbrr.data.windows.loader import LoaderOptions
from brainbrr.errors import Failed
from brainbrr.signal.electrodes import N_ELECTRODES
from brainbrr.training.trainer_options import TrainerOptions

log = logging.getLogger(__name__)


def largest_batch(fits: Callable[[int], bool], effective: int) -> int:
    """Return the largest divisor of the effective batch for which a training step succeeds.

    Only divisors are tried, so that batch times accumulation stays the same; in ascending order, so
    that a device with little memory is not overloaded.

    Args:
        fits: takes a training step with that many windows and returns whether memory sufficed.
        effective: windows per optimizer step.

    Raises:
        Failed: not even one window fits.
    """
    best = 0
    for size in (size for size in range(1, effective + 1) if effective % size == 0):
        if not fits(size):
            break
        best = size
    if best == 0:
        raise Failed(
            "there is not enough memory for a batch of one window",
            "Choose a smaller model, or trainer.checkpoint_gradients=true.",
        )
    log.info("Batch size %d, accumulation %d", best, effective // best)
    return best


def with_fitting_batch(
    network: nn.Module,
    options: TrainerOptions,
    loader: LoaderOptions,
    n_samples: int,
    stored: dict[str, Any] | None,
) -> tuple[TrainerOptions, LoaderOptions]:
    """Return the options with the largest batch that fits and the same effective batch.

    Args:
        n_samples: length of a window.
        stored: the checkpoint to resume, whose batch size is used without a trial; or None.
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
    """Return a test for `largest_batch`: forward and backward on random EEG, weights unchanged.

    Args:
        network: `network(eeg, observed) -> logits`, on the device.
        n_samples: length of a window.
        autocast: returns the context of reduced precision.
        reserve: factor on the windows that must fit, for optimizer states and fragmentation.
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
            # MPS and the CPU raise no class of their own if memory runs out.
            if "out of memory" in str(error) or "allocate memory" in str(error):
                return False
            raise
        finally:
            network.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.empty_cache()
        return True

    return fits
