import logging

import pytest
import torch

from brainbrr.training.hardware import (
    Machine,
    apply_settings,
    detect_hardware,
    profile_for,
    this_machine,
)


@pytest.mark.parametrize(
    ("gpu", "capability", "memory_gb", "wsl2", "profile"),
    [
        ("NVIDIA GeForce RTX 3080", (8, 6), 9.8, False, "rtx3080"),
        ("NVIDIA GeForce RTX 4090", (8, 9), 23.6, False, "rtx4090"),
        ("NVIDIA GeForce RTX 4090", (8, 9), 23.6, True, "rtx4090_wsl2"),
        ("NVIDIA A100-SXM4-40GB", (8, 0), 39.4, False, "a100_40gb"),
        ("NVIDIA A100-SXM4-80GB", (8, 0), 79.2, False, "a100_80gb"),
        ("NVIDIA H100 80GB HBM3", (9, 0), 79.1, False, "h100"),
        ("NVIDIA H200", (9, 0), 139.8, False, "h200"),
        ("NVIDIA B200", (10, 0), 178.0, False, "h200"),
        ("Tesla V100-SXM2-16GB", (7, 0), 15.8, False, "v100"),
        ("Tesla P100", (6, 0), 15.8, False, "v100"),
        ("Tesla T4", (7, 5), 14.6, False, "turing"),
        ("NVIDIA L4", (8, 9), 22.0, False, "rtx4090"),
        ("NVIDIA A40", (8, 6), 44.5, False, "a100_40gb"),
    ],
)
def test_cards_find_their_profile(gpu, capability, memory_gb, wsl2, profile):
    machine = Machine(gpu=gpu, capability=capability, memory_gb=memory_gb, wsl2=wsl2)
    assert profile_for(machine) == profile


def test_without_a_cuda_card():
    assert profile_for(Machine(mps=True)) == "mps"
    assert profile_for(Machine()) == "cpu"


def test_the_choice_is_logged(caplog):
    with caplog.at_level(logging.INFO):
        profile = detect_hardware()
    assert profile == profile_for(this_machine()) and f"profile {profile}" in caplog.text


def test_threads_are_set_before_the_work_starts():
    before = torch.get_num_threads()
    try:
        apply_settings(n_threads=1)
        assert torch.get_num_threads() == 1
        apply_settings()
        assert torch.get_num_threads() == this_machine().cores
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("fraction", "expected"), [(0.7, [0.7]), (None, [])])
def test_an_apple_gpu_takes_its_fraction_of_the_memory(fraction, expected, monkeypatch):
    limits, before = [], torch.get_num_threads()
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "set_per_process_memory_fraction", limits.append)
    try:
        apply_settings(mps_memory_fraction=fraction)
    finally:
        torch.set_num_threads(before)
    assert limits == expected
