"""`brainbrr benchmark`: two tables and a JSON file."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from brainbrr.cli.benchmark import run

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


def test_the_model_and_the_profile_can_be_chosen():
    cfg = configuration("model=v3_electrode", "hardware=h200", "train=false")
    assert cfg.model.encoder == "electrode"
    assert cfg.hardware.n_threads is None
