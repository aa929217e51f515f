"""Weights come back to the bit, and a file that is not exactly those weights is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from brainbrr.release.untrusted import InvalidDetector
from brainbrr.release.weights import read_tensors, weights_of

Header = dict[str, Any]


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2).half())


def layout(tensors: dict[str, Tensor]) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}


def with_header(content: bytes, change: Callable[[Header], object]) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def test_weights_come_back_to_the_bit(network: nn.Module) -> None:
    tensors = weights_of(network)
    assert not any(tensor.requires_grad for tensor in tensors.values())
    restored = read_tensors(save(tensors), layout(tensors))
    assert restored.keys() == tensors.keys() == network.state_dict().keys()
    assert {tensor.dtype for tensor in restored.values()} >= {torch.float16, torch.int64}
    for name, tensor in tensors.items():
        assert torch.equal(restored[name], tensor), name


def test_transposed_weights_are_stored_in_their_own_order() -> None:
    network = nn.Linear(3, 4)
    network.weight = nn.Parameter(torch.arange(12.0).reshape(3, 4).T)
    tensors = weights_of(network)
    assert tensors["weight"].is_contiguous()
    assert torch.equal(read_tensors(save(tensors), layout(tensors))["weight"], network.weight)


@pytest.mark.parametrize(
    "changed",
    [
        {"0.weight": torch.zeros(4, 4)},
        {"0.weight": torch.zeros(4, 3, dtype=torch.float64)},
        {"more": torch.zeros(1)},
    ],
)
def test_other_tensors_are_refused(network: nn.Module, changed: dict[str, Tensor]) -> None:
    tensors = weights_of(network)
    with pytest.raises(InvalidDetector, match=r"\d others or of another dtype or shape, first"):
        read_tensors(save(tensors | changed), layout(tensors))


def test_a_missing_tensor_is_refused(network: nn.Module) -> None:
    tensors = weights_of(network)
    fewer = {name: tensor for name, tensor in tensors.items() if name != "2.bias"}
    with pytest.raises(InvalidDetector, match=r"1 others .* first '2\.bias'"):
        read_tensors(save(fewer), layout(tensors))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(network: nn.Module, value: float) -> None:
    tensors = weights_of(network)
    tensors["2.bias"][1] = value
    with pytest.raises(InvalidDetector, match=r"NaN or infinity in '2\.bias'"):
        read_tensors(save(tensors), layout(tensors))


@pytest.mark.parametrize("kept", [0, 7, 9, 40, -1])
def test_a_file_cut_short_is_refused(network: nn.Module, kept: int) -> None:
    tensors = weights_of(network)
    with pytest.raises(InvalidDetector, match="safetensors file"):
        read_tensors(save(tensors)[:kept], layout(tensors))


def overlap(header: Header) -> None:
    header["0.bias"]["data_offsets"] = header["0.weight"]["data_offsets"]


def grow(header: Header) -> None:
    header["0.weight"]["shape"] = [2**39, 2**39]


def negative(header: Header) -> None:
    header["0.weight"]["shape"] = [-4, -3]


def more_keys(header: Header) -> None:
    header["0.weight"]["code"] = "print()"


def other_type(header: Header) -> None:
    header["0.weight"]["dtype"] = "F4"


@pytest.mark.parametrize("change", [overlap, grow, negative, more_keys, other_type])
def test_a_false_header_is_refused(network: nn.Module, change: Callable[[Header], None]) -> None:
    tensors = weights_of(network)
    with pytest.raises(InvalidDetector, match="a safetensors file with a true header"):
        read_tensors(with_header(save(tensors), change), layout(tensors))


def test_bytes_after_the_numbers_are_refused(network: nn.Module) -> None:
    tensors = weights_of(network)
    with pytest.raises(InvalidDetector, match="bytes of numbers in a file with"):
        read_tensors(save(tensors) + b"more", layout(tensors))
