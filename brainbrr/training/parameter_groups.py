"""Which parameters weight decay may shrink."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from brainbrr.errors import BrainbrrError

STATE_SPACE_PARAMETERS = ("A_log", "D", "dt_bias")
"""Mamba-2's rates, skips and step biases: decay would pull its memory to one fixed length."""


class NothingToTrain(BrainbrrError):
    """A pattern that matches no parameter, or freezes them all."""


def parameter_groups(network: nn.Module) -> list[dict[str, object]]:
    """Trainable parameters as the optimiser's two groups: decayed, and not decayed.

    Not decayed are vectors and scalars (norms, biases, gains), Mamba-2's `A_log`, `D` and
    `dt_bias`, and whatever
    carries the attribute `_no_weight_decay`.
    """
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        exempt = (
            parameter.ndim < 2
            or name.rsplit(".", 1)[-1] in STATE_SPACE_PARAMETERS
            or getattr(parameter, "_no_weight_decay", False)
        )
        (kept if exempt else decayed).append(parameter)
    groups: list[dict[str, object]] = [{"params": decayed}, {"params": kept, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def freeze(network: nn.Module, patterns: Sequence[str]) -> int:
    """Hold the parameters whose names match one of the shell patterns, e.g. `encoder.*`; how many
    values that is.

    Raises:
        NothingToTrain: a pattern matches nothing, or everything is frozen.
    """
    names = [name for name, _ in network.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise NothingToTrain(
                f"a parameter that matches {pattern}",
                f"none among {', '.join(sorted({name.split('.')[0] for name in names}))}",
                "Correct trainer.freeze.",
            )
    frozen = 0
    for name, parameter in network.named_parameters():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)
            frozen += parameter.numel()
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise NothingToTrain("a parameter left to train", "all of them frozen", "Freeze fewer.")
    return frozen
