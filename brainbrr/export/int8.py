"""8-bit weights for compiled detectors, activations brought to 8 bits as they come.

Weights have a scale for each output channel; activations one for each row of a product and one for
each window of a convolution, found anew for every input (dynamic). Products are of whole numbers
held in float32, so every processor computes the same.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 127
MIN_OUTPUTS = 2
"""A layer with one output is the last: what it rounds, nothing averages out."""


class Int8Linear(nn.Module):
    """A linear layer with weights of 8 bits."""

    weight: Tensor
    scale: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight, scale = to_int8(layer.weight, -1)
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale[..., 0])
        self.bias = layer.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """Features in the last axis."""
        rounded, step = dynamic_int8(inputs, (-1,))
        out = F.linear(rounded, self.weight.to(inputs.dtype)) * (step * self.scale)
        return out if self.bias is None else out + self.bias


class Int8Convolution(nn.Module):
    """A convolution over time with weights of 8 bits."""

    weight: Tensor
    scale: Tensor

    def __init__(self, layer: nn.Conv1d) -> None:
        super().__init__()
        weight, scale = to_int8(layer.weight, (1, 2))
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale[:, 0])
        self.bias = layer.bias
        self.stride, self.dilation = layer.stride, layer.dilation
        assert isinstance(layer.padding, tuple)
        self.padding = layer.padding

    def forward(self, signal: Tensor) -> Tensor:
        """`(batch, channels, samples)`."""
        rounded, step = dynamic_int8(signal, (1, 2))
        out = F.conv1d(
            rounded, self.weight.to(signal.dtype), None, self.stride, self.padding, self.dilation
        )
        out = out * (step * self.scale)
        return out if self.bias is None else out + self.bias[:, None]


def to_int8(weight: Tensor, axes: int | tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Weights as whole numbers in -127..127 and the step of each output, axes kept."""
    scale = weight.detach().abs().amax(axes, keepdim=True).clamp_min(1e-12) / LEVELS
    return (weight.detach() / scale).round().to(torch.int8), scale


def dynamic_int8(values: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Whole numbers in -127..127 as floats, and their step, which keeps the axes."""
    step = values.abs().amax(axes, keepdim=True).clamp_min(1e-12) / LEVELS
    return (values / step).round(), step


def quantise_layers(module: nn.Module) -> nn.Module:
    """Replace, in place, every linear map and dense convolution; depthwise ones stay as they are.

    Returns:
        the same module.
    """
    for name, child in module.named_children():
        if type(child) is nn.Linear and child.out_features >= MIN_OUTPUTS:
            setattr(module, name, Int8Linear(child))
        elif type(child) is nn.Conv1d and child.groups == 1 and child.out_channels >= MIN_OUTPUTS:
            setattr(module, name, Int8Convolution(child))
        else:
            quantise_layers(child)
    return module
