"""`brainbrr benchmark`: two tables and a JSON file."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch._subclasses.fake_tensor import FakeTensorMode

from brainbrr.cli import benchmark
from brainbrr.cli.benchmark import run
from brainbrr.profiling.profile import Timing

CONF = Path(__file__).resolve().parents[2] / "conf"


def configuration(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        return compose("benchmark", [*overrides])


def test_a_model_is_measured_whole_and_by_part(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("brainbrr.cli.benchmark.peak_gbyte", lambda *_, **__: 0.5)
    output = tmp_path / "speed.json"
    small = ("model=v3_tiny", "batch=[1,2]", "window_s=1", "rounds=1", f"output={output}")
    run(configuration(*small, "hardware.n_threads=1"))
    shown = capsys.readouterr().out
    assert "node_stream" in shown
    assert "windows/s" in shown
    result = json.loads(output.read_text())
    assert [(row["batch"], row["train"]) for row in result["whole"]] == [
        (1, False),
        (1, True),
        (2, False),
        (2, True),
    ]
    for row in result["whole"]:
        assert row["windows_per_s"] == pytest.approx(row["batch"] / row["median_s"])
        assert row["eeg_h_per_min"] == pytest.approx(row["windows_per_s"] / 60)
        assert row["peak_gbyte"] == 0.5
    assert set(result["parts"]) >= {"front", "edges", "graph", "laplacian"}
    assert result["machine"]["gflop_per_s"] > 0
    assert "gpu" in result["machine"]


def test_precision_threads_and_batch_are_the_profile_s(monkeypatch):
    """Every pass computes in the precision that the profile trains in."""
    asked = []
    before = torch.get_float32_matmul_precision(), torch.get_num_threads()
    monkeypatch.setattr("brainbrr.cli.device.choose_device", lambda _: "cpu")
    monkeypatch.setattr(
        "brainbrr.profiling.profile.autocast", lambda *given: asked.append(given) or nullcontext()
    )
    monkeypatch.setattr(
        "brainbrr.cli.benchmark.peak_gbyte", lambda *_, precision, **__: asked.append(precision)
    )
    cfg = configuration(
        "hardware=rtx4090", "model=v3_tiny", "window_s=1", "rounds=1", "hardware.n_threads=1"
    )
    assert cfg.batch == [1, 16]
    try:
        run(cfg)
        assert torch.get_float32_matmul_precision() == "high" and torch.backends.cudnn.benchmark
        assert set(asked) == {("cpu", "bf16"), "bf16"}
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.set_num_threads(before[1])
        torch.backends.cudnn.benchmark = False


def test_a_peak_on_cuda_is_that_of_one_batch(monkeypatch):
    """What a larger batch before it needed does not count."""
    peaks = {"now": 9e9}
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: peaks.update(now=0.0))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peaks["now"])
    monkeypatch.setattr(
        benchmark, "take_turns",
        lambda *_: peaks.update(now=peaks["now"] + 2e9) or {"call": Timing(1.0, 1.0, 1.0)},
    )  # fmt: skip
    with FakeTensorMode():
        eeg = torch.empty(1, 19, 256, device="cuda")
    row = benchmark._measure(torch.nn.Identity(), eeg, True, configuration())
    assert row["peak_gbyte"] == 2.0


def test_a_configuration_resolves_without_a_group_of_training():
    OmegaConf.resolve(configuration("hardware=a100_80gb"))


def test_the_model_and_the_profile_can_be_chosen():
    cfg = configuration("model=v3_electrode", "hardware=h200", "train=false")
    assert cfg.model.encoder == "electrode"
    assert cfg.hardware.n_threads is None
