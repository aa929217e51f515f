"""Learning-rate schedules, advanced at each optimizer step."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from brainbrr.errors import InvalidOption


def warmup_cosine(
    optimizer: Optimizer, n_steps: int, *, warmup_fraction: float, final_fraction: float
) -> LambdaLR:
    """Rise linearly to the full rate, then fall along half a cosine.

    The first step is taken at the first value of the warm-up, `1 / n_warmup` of the full rate,
    never at the full rate.

    Args:
        n_steps: optimizer steps in the run.
        warmup_fraction: fraction of them in which the rate rises.
        final_fraction: fraction of the full rate at the last step.
    """
    _check(n_steps, warmup_fraction, final_fraction)
    n_warmup = math.ceil(warmup_fraction * n_steps)

    def factor(step: int) -> float:
        if step < n_warmup:
            return (step + 1) / n_warmup
        progress = min((step - n_warmup) / max(n_steps - n_warmup - 1, 1), 1.0)
        return final_fraction + (1 - final_fraction) * (1 + math.cos(math.pi * progress)) / 2

    return LambdaLR(optimizer, factor)


def warmup_constant(optimizer: Optimizer, n_steps: int, *, warmup_fraction: float) -> LambdaLR:
    """Rise linearly to the full rate, then stay there.

    Args:
        n_steps: optimizer steps in the run.
        warmup_fraction: fraction of them in which the rate rises.
    """
    _check(n_steps, warmup_fraction, 0.0)
    n_warmup = math.ceil(warmup_fraction * n_steps)
    return LambdaLR(optimizer, lambda step: min((step + 1) / max(n_warmup, 1), 1.0))


def _check(n_steps: int, warmup_fraction: float, final_fraction: float) -> None:
    if n_steps < 1 or not (0 <= warmup_fraction < 1 and 0 <= final_fraction <= 1):
        raise InvalidOption(
            "one step or more, 0 <= warmup_fraction < 1 and 0 <= final_fraction <= 1",
            f"{n_steps} steps, warm-up {warmup_fraction}, final {final_fraction}",
            "Correct the scheduler group or trainer.max_epochs.",
        )
