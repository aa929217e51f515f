"""Start from weights that were learnt before."""

import logging
from collections.abc import Mapping

from torch import Tensor, nn

from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)


class WeightsMismatch(BrainbrrError):
    """Weights of another network than this one."""


def take_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights into a network of the same shape, all of them or none.

    Raises:
        WeightsMismatch: naming the first parameter that is missing, unknown or of another shape.
    """
    own = network.state_dict()
    different = [
        f"{name} {_shape(weights, name)} where the network has {_shape(own, name)}"
        for name in sorted(set(own) | set(weights))
        if _shape(weights, name) != _shape(own, name)
    ]
    if different:
        raise WeightsMismatch(
            "weights of the same model",
            f"{len(different)} others, {different[0]} first",
            "Choose the model that the weights were trained with: model=.",
        )
    network.load_state_dict(dict(weights))
    log.info("Started from %d learnt tensors", len(own))


def _shape(weights: Mapping[str, Tensor], name: str) -> str:
    return str(list(weights[name].shape)) if name in weights else "nothing"
