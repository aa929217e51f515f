"""A released network as bytes, and back: the one door for weights, whatever file they came in."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from brainbrr.errors import BrainbrrError
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model
from brainbrr.release.refusals import FETCH_AGAIN, InvalidDetector, shown
from brainbrr.release.schema import Description
from brainbrr.release.weights import layout_of, read_tensors


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    """The weights as they are stored: by name, on the processor."""
    state = network.state_dict()
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def restored(
    description: Description,
    read_weights: Callable[[], bytes],
    *,
    device: str,
    scan: str,
    refusal: type[InvalidDetector] = InvalidDetector,
    remedy: str = FETCH_AGAIN,
) -> Detector:
    """The detector of a description, its weights read after all of it was found sound.

    Args:
        description: checked, but for what only building the network tells.
        read_weights: the bytes of a safetensors file; called once the network is known to fit.
        device: `cpu`, `cuda`, `mps`, or a torch device name.
        scan: how Mamba-2 is computed; every way gives the same numbers.
        refusal: what a network that cannot be built is refused as.
        remedy: what to do about it.

    Raises:
        InvalidDetector: the network cannot be built, or the weights are not its own.
    """
    numbers: dict[str, Any] = {**description.model}
    if "scan" in numbers:
        numbers["scan"] = scan
    try:
        # Without memory first: how large a network is must not be learned by building it. It warns
        # of absurd widths, which the weights then contradict.
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            expected = layout_of(build_model(**numbers).state_dict())
    except (BrainbrrError, TypeError, ValueError, RuntimeError, IndexError, ImportError) as error:
        raise refusal("a model that this version can build", _one_line(error), remedy) from error
    tensors = read_tensors(read_weights(), expected)
    network = build_model(**numbers)
    network.load_state_dict(tensors, strict=True)
    return Detector(
        network.eval().to(device),
        description.model,
        description.preparation,
        description.windowing,
        description.detection,
        description.provenance,
        description.calibration,
    )


def _one_line(error: Exception) -> str:
    told = f"{error.got}, not {error.expected}" if isinstance(error, BrainbrrError) else str(error)
    return shown(" ".join(told.split()), 200)[1:-1]
