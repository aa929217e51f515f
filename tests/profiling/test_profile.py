"""What is measured: every part of a network, whole and by itself, with its state left alone."""

import functools
import sys

import numpy as np
import pytest
import torch

from brainbrr.kernels.allocator import keep_freed_memory
from brainbrr.models.registry import load_model
from brainbrr.profiling.arithmetic import part_gflop
from brainbrr.profiling.peak_memory import peak_gbyte
from brainbrr.profiling.profile import MachineRates, machine_rates, profile_parts, take_turns


def test_functions_take_turns_and_the_first_turn_is_not_counted():
    order = []
    timed = take_turns({name: lambda name=name: order.append(name) for name in "ab"}, rounds=2)
    assert order == ["a", "b"] * 3
    assert all(0 <= row.clock_s <= row.median_s for row in timed.values())


def test_arithmetic_is_that_of_the_layers_and_leaves_the_scan_as_it_was():
    network = load_model("v3_tiny").train()
    scans = [layer.scan for layer in network.modules() if hasattr(layer, "scan")]
    one, two = (part_gflop(network, torch.randn(batch, 19, 1600)) for batch in (1, 2))
    assert [layer.scan for layer in network.modules() if hasattr(layer, "scan")] == scans
    assert network.training
    # The last convolution of the decoder: 16 to 8 channels, 4 taps, 800 samples in.
    assert one["decoder"] * 1e9 >= 2 * 16 * 8 * 4 * 800
    assert two == pytest.approx({name: 2 * gflop for name, gflop in one.items()}, rel=1e-6)


def test_each_part_is_timed_beside_the_longer_of_its_two_floors():
    network = load_model("v3_tiny")
    parts = profile_parts(network, torch.randn(1, 19, 320), MachineRates(1.0, 1e9), rounds=1)
    assert set(parts) == {name for name, _ in network.named_children()} | {"laplacian"}
    for name, part in parts.items():
        assert part.floor_s == pytest.approx(part.gflop)
        assert part.forward.clock_s > 0
        assert (part.train is None) == (name == "laplacian")
    slow_copy = profile_parts(network, torch.randn(1, 19, 320), MachineRates(1e9, 1.0), rounds=1)
    weights = sum(weight.nbytes for weight in network.decoder.parameters())
    assert slow_copy["decoder"].floor_s >= weights / 1e9


def test_rates_are_positive():
    rates = machine_rates(size=64, mbyte=1)
    assert rates.gflop_per_s > 0
    assert rates.gbyte_per_s > 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_peak_memory_is_that_of_a_fresh_process():
    make = functools.partial(load_model, "v3_tiny", scan="chunked")
    small, large = (
        peak_gbyte(make, (batch, 19, 1600), train=True, n_threads=1) for batch in (1, 32)
    )
    assert 0.05 < small < large < 8


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False


def test_the_memory_of_the_process_that_asks_is_not_counted():
    held = np.ones(150_000_000)  # 1.2 GB
    make = functools.partial(load_model, "v3_tiny")
    assert peak_gbyte(make, (1, 19, 1600), train=False, n_threads=1) < held.nbytes / 1e9
