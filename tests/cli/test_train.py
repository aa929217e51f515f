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
from brainbrr.cli.train import _command, _configuration, add_result, built_parts, warn_of_model
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import InUse, InvalidFile
from brainbrr.events.calibration import Calibration
from brainbrr.sweeps.outcome import can_resume
from brainbrr.training.fit import FitResult
from tests import tiny_corpus as tiny


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loss: {_target_: torch.utils.collect_env.run, command: touch CREATED}",
         "a _target_ that conf/ names; got torch.utils.collect_env.run"),
        ("a: [{_target_: brainbrr.kernels.c.build.compile}]", "got brainbrr.kernels.c.build"),
        ("name: ${oc.env:HOME}", "plain YAML; got an interpolation"),
        ("a: &a [x]\nb: *a", "plain YAML; got an anchor or alias"),
        ("a: !!python/object/apply:os.getcwd []", "plain YAML; got the tag"),
        ("seed: 1\nseed: 2", "plain YAML; got the key 'seed' twice"),
        ("[]", "plain YAML; got a list"),
        ("", "plain YAML; got a NoneType"),
        ("a: [" * 5000, "plain YAML; got more than"),
        ("a: " + "x" * 2**20, "at most 1048576 bytes"),
    ],
)  # fmt: skip
def test_a_stored_configuration_names_no_code_of_its_own(command, tmp_path, text, message):
    run_dir = tmp_path / "run"
    (run_dir / "checkpoints").mkdir(parents=True)
    (run_dir / "checkpoints" / "last.ckpt").touch()
    (run_dir / "config.yaml").write_text(text.replace("CREATED", str(tmp_path / "created")))
    code, _, error = command("train", f"resume={run_dir}")
    assert code == 2 and "InvalidFile: expected" in error
    assert message in " ".join(error.splitlines()[-1].split())
    assert not (tmp_path / "created").exists()


def test_what_was_typed_is_text(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "abc")
    (tmp_path / ".hydra").mkdir()
    overrides = tmp_path / ".hydra" / "overrides.yaml"
    overrides.write_text("- x=${oc.env:SECRET}\n- run_dir=here\n")
    assert _command(tmp_path) == "brainbrr train 'x=${oc.env:SECRET}'"
    overrides.write_text("a: 1\n")
    with pytest.raises(InvalidFile, match="a list of overrides as plain YAML; got a dict"):
        _command(tmp_path)


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
        code, _, report = command("train", *sweep, *options)
        assert code == 2 and "Traceback" not in report
        assert "InvalidOption: expected values that the optimizer and its schedule take" in report
        assert "Invalid learning rate: -1" in report.splitlines()[-1]
        assert bool(sweep) == ("Error executing job with overrides" in report)


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


@pytest.fixture
def fitted(tmp_path, monkeypatch):
    """What `brainbrr.training.fit.train` and torch's settings get of some options."""

    def of(*options, rows=(), corrected=None, resuming=False):
        arguments, settings = {}, {}

        def caught(**given):
            arguments.update(given)
            raise InterruptedError

        monkeypatch.setattr(train, "train", caught)
        monkeypatch.setattr(train, "apply_settings", settings.update)
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
            cfg = compose(
                "train", ["model=v3_tiny", "data.root=x", f"run_dir={tmp_path}", *options]
            )
        prepared = SimpleNamespace(
            rows=list(rows), corrected_s=corrected or {}, of_split=lambda _: [], folder=tmp_path
        )
        with pytest.raises(InterruptedError):
            train.fit(cfg, {}, prepared, tmp_path, resuming=resuming)
        return arguments, settings

    monkeypatch.setattr(train, "apply_settings", dict)
    return of


def test_a_profile_s_settings_of_torch_are_applied(fitted):
    _, settings = fitted("hardware.mps_memory_fraction=0.5", "hardware.n_threads=3")
    assert settings == {"mps_memory_fraction": 0.5, "n_threads": 3}


def test_training_starts_from_the_weights_of_a_release_and_a_resumed_run_does_not(
    fitted, monkeypatch
):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        torch.manual_seed(5)
        released = build(compose("train", ["model=v3_tiny", "data.root=x"]).model)
    loaded = []
    monkeypatch.setattr(
        train, "load_release", lambda name: loaded.append(name) or SimpleNamespace(network=released)
    )

    def is_released(network):
        ours, theirs = network.state_dict(), released.state_dict()
        return all(torch.equal(ours[name], theirs[name]) for name in theirs)

    assert is_released(fitted("init_from=before")[0]["network"]) and loaded == ["before"]
    assert not is_released(fitted()[0]["network"])
    assert not is_released(fitted("init_from=before", resuming=True)[0]["network"])


def test_reviewed_segments_have_their_weight_in_the_loss(fitted):
    rows, corrected = [tiny.row(0, "train", 60.0, [])], {"sub-00": [(10.0, 20.0)]}
    options = ("data.corrections=x.tsv",)
    weights = fitted(*options, "corrections_weight=7", rows=rows, corrected=corrected)[0]["weights"]
    assert {name: spans.weight for name, spans in weights.items()} == {"sub-00": 7.0}
    assert fitted(*options, rows=rows, corrected=corrected)[0]["weights"]["sub-00"].weight == 3.0


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


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("baselines=[foo]", "one of line_length, band_power; got foo. Correct baselines=."),
        ("report_cases=abc", "a number of events, 0 or more; got abc. Correct report_cases=."),
        ("report_cases=-1", "a number of events, 0 or more; got -1. Correct report_cases=."),
    ],
)
def test_what_only_the_test_reads_is_refused_before_training(command, option, message):
    arguments = ("experiment=tiny", "hardware=cpu", "data.root=nowhere", option)
    code, _, error = command("train", *arguments)
    assert (code, error.splitlines()[-1]) == (2, f"InvalidOption: expected {message}")
