"""The parameters of a network in training: loaded, frozen, and grouped by weight decay."""

import logging
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from torch import Tensor, nn

from brainbrr.errors import InvalidInput, InvalidOption

log = logging.getLogger(__name__)

STATE_SPACE_PARAMETERS = ("A_log", "D", "dt_bias")
"""Mamba-2's rates, skips and step biases: decay would pull its memory to one fixed length."""


def parameter_groups(network: nn.Module) -> list[dict[str, object]]:
    """Return the trainable parameters as the optimizer's two groups: decayed, and not decayed.

    Not decayed are vectors and scalars (norms, biases, gains), Mamba-2's `A_log`, `D` and
    `dt_bias`, and all that carry the attribute `_no_weight_decay`.
    """
    decayed: list[nn.Parameter] = []
    exempt: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        is_exempt = (
            parameter.ndim < 2
            or name.rsplit(".", 1)[-1] in STATE_SPACE_PARAMETERS
            or getattr(parameter, "_no_weight_decay", False)
        )
        (exempt if is_exempt else decayed).append(parameter)
    groups: list[dict[str, object]] = [{"params": decayed}, {"params": exempt, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def freeze(network: nn.Module, patterns: Sequence[str]) -> int:
    """Freeze the parameters whose names match one of the shell patterns, e.g. `encoder.*`.

    Returns:
        the number of frozen values.

    Raises:
        InvalidOption: a pattern matches nothing, or everything is frozen.
    """
    names = [name for name, _ in network.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InvalidOption(
                f"a parameter that matches {pattern}",
                f"none among {', '.join(sorted({name.split('.')[0] for name in names}))}",
                "Correct trainer.freeze.",
            )
    n_frozen = 0
    for name, parameter in network.named_parameters():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            parameter.requires_grad_(False)
            n_frozen += parameter.numel()
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise InvalidOption("a parameter left to train", "all of them frozen", "Freeze fewer.")
    return n_frozen


def load_pretrained(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load pretrained weights into a network of the same shape; on a mismatch it is unchanged.

    Raises:
        InvalidInput: naming the first parameter that is missing, unknown or of another shape.
    """
    state = network.state_dict()
    different = [
        f"{name} {_shape(weights, name)}, in the network {_shape(state, name)}"
        for name in sorted(set(state) | set(weights))
        if _shape(weights, name) != _shape(state, name)
    ]
    if different:
        raise InvalidInput(
            "weights of the same model",
            f"{len(different)} that differ, first {different[0]}",
            "Choose the model that the weights were trained with: model=.",
        )
    network.load_state_dict(dict(weights))
    log.info("Loaded %d pretrained tensors", len(state))


def _shape(weights: Mapping[str, Tensor], name: str) -> str:
    return str(list(weights[name].shape)) if name in weights else "absent"
