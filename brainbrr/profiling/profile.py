"""How long a network takes, part by part, compared with what this machine could do at best.

Variants take turns in one process, so that a busy machine slows all of them alike. Wall-clock time
is what a user waits; CPU time, summed over threads, is steadier if other programs run.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from brainbrr.kernels.precision import autocast
from brainbrr.models.detector import V3Detector
from brainbrr.profiling.arithmetic import part_gflop


@dataclass(frozen=True)
class Timing:
    """What one call took.

    Attributes:
        clock_s: minimum wall-clock seconds.
        median_s: median wall-clock seconds.
        processor_s: minimum CPU seconds, over all threads.
    """

    clock_s: float
    median_s: float
    processor_s: float


@dataclass(frozen=True)
class MachineRates:
    """Rates that this machine reaches at best.

    Attributes:
        gflop_per_s: of a large float32 matrix product.
        gbyte_per_s: read and written by a large copy.
    """

    gflop_per_s: float
    gbyte_per_s: float


@dataclass(frozen=True)
class Part:
    """One part of a network, run by itself on the input it gets within the network.

    Attributes:
        gflop: arithmetic of one forward pass.
        gbyte: input, output and weights, each moved once.
        floor_s: the longer of the two at the machine's own rates.
        forward: one pass without gradients.
        train: forward and backward; None if the part has no parameters.
    """

    gflop: float
    gbyte: float
    floor_s: float
    forward: Timing
    train: Timing | None


def take_turns(functions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Timing]:
    """Time each function `rounds` times, one call of each at a time, after one that warms up."""
    clock: dict[str, list[float]] = {name: [] for name in functions}
    busy: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            _wait()
            began_s, began_busy_s = time.perf_counter(), time.process_time()
            function()
            _wait()
            if turn:
                clock[name].append(time.perf_counter() - began_s)
                busy[name].append(time.process_time() - began_busy_s)
    return {
        name: Timing(min(clock[name]), statistics.median(clock[name]), min(busy[name]))
        for name in functions
    }


def machine_rates(device: str = "cpu", size: int = 1024, mbyte: int = 256) -> MachineRates:
    """Measure a large matrix product and a large copy."""
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    source = torch.ones(mbyte * 2**18, device=device)
    target = torch.empty_like(source)
    timed = take_turns(
        {"product": lambda: torch.mm(a, b), "copy": lambda: target.copy_(source)}, rounds=10
    )
    return MachineRates(
        gflop_per_s=2 * size**3 / timed["product"].clock_s / 1e9,
        gbyte_per_s=2 * source.nbytes / timed["copy"].clock_s / 1e9,
    )


def forward_pass(network: nn.Module, eeg: Tensor, precision: str = "fp32") -> Callable[[], object]:
    """Return a forward pass as in use: no gradients, no dropout."""

    def run() -> None:
        network.eval()
        with torch.inference_mode(), autocast(eeg.device.type, precision):
            network(eeg)

    return run


def training_step(network: nn.Module, eeg: Tensor, precision: str = "fp32") -> Callable[[], object]:
    """Return forward and backward pass as in training, without the optimizer's step."""

    def run() -> None:
        network.train()
        network.zero_grad(set_to_none=True)
        with autocast(eeg.device.type, precision):
            loss = network(eeg).float().mean()
        loss.backward()

    return run


def profile_parts(
    network: nn.Module, eeg: Tensor, rates: MachineRates, rounds: int, precision: str = "fp32"
) -> dict[str, Part]:
    """Time each child of the network by itself, on the input it gets within the network."""
    reduced = partial(autocast, eeg.device.type, precision)
    with reduced():
        calls = _calls(network, eeg)
    gflop = part_gflop(network, eeg)
    network.eval()
    forward = take_turns(
        {name: _forward_of(*call, reduced) for name, call in calls.items()}, rounds
    )
    trainable = {name: call for name, call in calls.items() if isinstance(call[0], nn.Module)}
    network.train()
    train = take_turns({name: _step_of(*call, reduced) for name, call in trainable.items()}, rounds)
    parts = {}
    for name, (function, arguments) in calls.items():
        gbyte = _traffic(function, arguments) / 1e9
        floor_s = max(gflop.get(name, 0.0) / rates.gflop_per_s, gbyte / rates.gbyte_per_s)
        parts[name] = Part(gflop.get(name, 0.0), gbyte, floor_s, forward[name], train.get(name))
    return parts


Call = tuple[Callable[..., Any], tuple[Any, ...]]
Reduced = Callable[[], AbstractContextManager[object]]


@torch.no_grad()
def _calls(network: nn.Module, eeg: Tensor) -> dict[str, Call]:
    """Return what each child is called with during one forward pass, in order."""
    calls: dict[str, Call] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            calls[name] = (module, arguments)

        return hook

    hooks = [
        child.register_forward_pre_hook(keep(name)) for name, child in network.named_children()
    ]
    try:
        network.eval()
        network(eeg)
    finally:
        for hook in hooks:
            hook.remove()
    if isinstance(network, V3Detector):
        adjacency = calls["graph"][1][1]
        observed = torch.ones(eeg.shape[:2], dtype=torch.bool, device=eeg.device)
        calls["laplacian"] = (network.encode_positions, (adjacency, observed))
    return calls


def _forward_of(
    function: Callable[..., Any], arguments: tuple[Any, ...], reduced: Reduced
) -> Callable[[], object]:
    def run() -> None:
        with torch.inference_mode(), reduced():
            function(*arguments)

    return run


def _step_of(
    function: Callable[..., Any], arguments: tuple[Any, ...], reduced: Reduced
) -> Callable[[], object]:
    leaves = [_as_leaf(argument) for argument in arguments]

    def run() -> None:
        for leaf in _tensors(leaves):
            leaf.grad = None
        with reduced():
            computed = _tensors(function(*leaves))
        outputs = [tensor for tensor in computed if tensor.requires_grad]
        torch.autograd.backward(outputs, [torch.ones_like(tensor) for tensor in outputs])

    return run


def _as_leaf(argument: Any) -> Any:
    if isinstance(argument, Tensor) and argument.is_floating_point():
        return argument.detach().clone().requires_grad_()
    return argument


def _tensors(value: Any) -> list[Tensor]:
    """Return all tensors of a nested tuple or list."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in _tensors(item)]
    return []


@torch.no_grad()
def _traffic(function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    """Return the bytes of input, output and weights."""
    weights = list(function.parameters()) if isinstance(function, nn.Module) else []
    moved = [*_tensors(arguments), *_tensors(function(*arguments)), *weights]
    return sum(tensor.nbytes for tensor in moved)


def _wait() -> None:
    """Wait for CUDA, which returns before it has computed."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
