"""`brainbrr train`: stored configurations, the warning about the model, the lab book."""

import csv
import logging
from types import SimpleNamespace

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from brainbrr.cli import train
from brainbrr.cli.build import build
from brainbrr.cli.renamed import REMOVED_OPTIONS, current
from brainbrr.cli.train import _configuration, add_result, built_parts, warn_of_model
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import InUse
from brainbrr.events.calibration import Calibration
from brainbrr.sweeps.outcome import can_resume
from brainbrr.training.fit import FitResult


@pytest.fixture
def stored(tmp_path):
    """A run folder whose configuration is of a version in which profiles set the interval."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        cfg = compose("train", ["experiment=tiny", "data.root=x", f"run_dir={tmp_path}"])
    before = OmegaConf.create(OmegaConf.to_container(cfg, resolve=True))
    before.model_settings = {"semi_dynamic_interval": 5}
    before.signal.n_electrodes = 19
    before.model.semi_dynamic_interval = 5
    del before.hardware.meant_for
    OmegaConf.save(before, tmp_path / "config.yaml")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    return tmp_path, cfg


def test_a_stored_configuration_with_model_settings_resumes(stored):
    run_dir, cfg = stored
    resumed = _configuration(cfg, run_dir, resuming=True)
    assert set(built_parts(resumed)) >= {"trainer", "callbacks", "loggers"}
    network = build(resumed.model)
    assert network.semi_dynamic_interval == 5
    assert network(torch.randn(1, 19, 320)).shape == (1, 320)


def test_a_run_is_the_same_without_options_that_nothing_reads(stored):
    run_dir, cfg = stored
    options = {"current": current, "ignored": REMOVED_OPTIONS}
    with pytest.raises(InUse, match=r"with another model.semi_dynamic_interval\."):
        can_resume(cfg, run_dir, **options)
    cfg.model.semi_dynamic_interval = 5
    assert can_resume(cfg, run_dir, **options)


def test_values_that_only_the_optimizer_refuses_are_one_line_in_a_sweep_too(command):
    options = ("experiment=tiny", "hardware=cpu", "data.root=corpus", "optimizer.lr=-1")
    for sweep in ((), ("-m",)):
        code, _, told = command("train", *sweep, *options)
        assert code == 2 and "Traceback" not in told
        assert "InvalidOption: expected values that the optimizer and its schedule take" in told
        assert "Invalid learning rate: -1" in told.splitlines()[-1]
        assert bool(sweep) == ("Error executing job with overrides" in told)


def test_a_monitor_that_validation_does_not_give_is_refused_before_the_corpus_is_read(command):
    options = ("experiment=tiny", "hardware=cpu", "data.root=absent", "monitor=val/nonsense")
    code, _, message = command("train", *options)
    assert code == 2 and "val/event_f1" in message and "got val/nonsense" in message


def test_a_model_the_profile_is_not_meant_for_is_warned_of(caplog):
    choices = {"model": "v3", "hardware": "cpu"}
    with caplog.at_level(logging.WARNING):
        warn_of_model(choices, ["v3_tiny", "v3_small"])
    assert "hardware=cpu is meant for model=v3_tiny, v3_small; model=v3 will be" in caplog.text


@pytest.mark.parametrize("meant_for", [None, ["v3_tiny", "v3"]])
def test_any_other_model_is_not(caplog, meant_for):
    with caplog.at_level(logging.WARNING):
        warn_of_model({"model": "v3", "hardware": "h100"}, meant_for)
    assert not caplog.text


def test_the_release_is_tested_with_the_precision_and_batch_of_validation(tmp_path, monkeypatch):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        options = ("model=v3_tiny", "hardware=rtx3080", "data.root=x", f"run_dir={tmp_path}")
        cfg = compose("train", [*options, "dataloader.eval_batch_size=5"])
    network, sizes = build(cfg.model), []
    result = FitResult(tmp_path, tmp_path, None, None, None, Calibration())
    monkeypatch.setattr(train, "released_weights", lambda _: network.state_dict())
    detector = train._released(network, cfg, result)
    assert detector.precision == "bf16" and detector.network is network

    def scored(*_, batch_size, **__):
        sizes.append(batch_size)
        raise InterruptedError

    monkeypatch.setattr(train, "evaluate_rows", scored)
    monkeypatch.setattr(train, "_command", lambda _: "")
    prepared = SimpleNamespace(of_split=lambda _: [], folder=tmp_path)
    with pytest.raises(InterruptedError):
        train._test(detector, cfg, prepared, tmp_path)
    assert sizes == [5]


def test_a_result_is_a_row_of_the_experiment_s_table(tmp_path):
    (tmp_path / "name").mkdir()
    add_result("name", {"seed": 1, "f1": 0.5}, tmp_path)
    add_result("name", {"seed": 2, "fp": 3}, tmp_path)
    add_result("unknown", {"seed": 3}, tmp_path)
    add_result(None, {"seed": 4}, tmp_path)
    with (tmp_path / "name" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"seed": "1", "f1": "0.5", "fp": ""}, {"seed": "2", "f1": "", "fp": "3"}]
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
