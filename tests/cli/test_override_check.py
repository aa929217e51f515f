"""Overrides that do not fit are answered with the nearest name that does."""

import re
from pathlib import Path

import pytest
from hydra import initialize_config_dir

from brainbrr.cli.main import COMMANDS, main
from brainbrr.cli.override_check import NEEDS, check_overrides, known_keys
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError, InvalidOption


@pytest.mark.parametrize(
    ("override", "suggestion"),
    [
        ("trainer.max_epoch=3", "trainer.max_epochs"),
        ("modle=v3", "model"),
        ("optimizer.learning_rate=1", "optimizer"),
        ("model=v33", "v3"),
        ("hardware=rtx490", "rtx4090"),
        ("max_epochs=3", "trainer.max_epochs"),
    ],
)
def test_misspelt_override_gets_a_suggestion(override: str, suggestion: str) -> None:
    with pytest.raises(InvalidOption, match=f"Did you mean {suggestion}"):
        check_overrides("train", [override])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model=unet_bimamba", "model.semi_dynamic_interval=5"],
            "an option of `brainbrr train`; got model.semi_dynamic_interval. Did you mean model.",
        ),
        (
            ["model=v3", "model.graph_convolution=GCNConv", "model.graph_hops=3"],
            "model.graph_hops has no effect with model.graph_convolution=GCNConv. "
            "Omit it, or set model.graph_convolution=ssg or SSGConv.",
        ),
        (
            ["model.stream=attention", "model.node_d_state=16"],
            "model.node_d_state has no effect with model.stream=attention",
        ),
        (["model.stream=bigru", "model.edge_headdim=4"], "model.edge_headdim has no effect"),
        (["model=unet_bimamba", "model.stream=bigru", "model.scan=chunked"], "model.scan has no"),
        (["detect.coverage=0.95"], "coverage has no effect with detect.alarm_budget=null"),
        (["loss.boundary_weight=0.5"], "has no effect with loss.boundary_s=0.0"),
    ],
)
def test_an_option_that_the_chosen_model_ignores_is_refused(
    overrides: list[str], message: str
) -> None:
    with pytest.raises(InvalidOption, match=re.escape(message)):
        check_overrides("train", overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.graph_convolution=SSGConv", "model.graph_hops=3"],
        ["model.stream=attention", "model.node_headdim=4"],
        ["-m", "model.stream=bigru,bimamba2", "model.node_d_state=8,16"],
        ["loss.boundary_s=1", "loss.boundary_weight=0.5"],
    ],
)
def test_an_option_with_an_effect_is_accepted(overrides: list[str]) -> None:
    assert check_overrides("train", overrides) is not None


def test_every_option_that_needs_another_exists_in_some_model() -> None:
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        keys = {
            key
            for model in ("v3", "unet_bimamba")
            for key in known_keys("train", [f"model={model}"])
        }
    assert {*NEEDS, *(other for other, _ in NEEDS.values())} <= keys


def test_a_benchmark_refuses_options_of_training() -> None:
    with pytest.raises(InvalidOption, match="dataloader.num_workers has no effect in benchmark"):
        check_overrides("benchmark", ["dataloader.num_workers=2"])


@pytest.mark.parametrize("command", ["evaluate", "predict", "watch"])
def test_other_commands_refuse_what_only_training_reads_of_a_profile(command: str) -> None:
    with pytest.raises(InvalidOption, match="accumulate_grad_batches has no effect in " + command):
        check_overrides(command, ["trainer.accumulate_grad_batches=2"])


def test_unreadable_override_is_refused() -> None:
    with pytest.raises(InvalidOption, match="option=value"):
        check_overrides("train", ["model=[v3"])


def test_a_path_without_its_option_is_answered_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("night.edf").touch()
    with pytest.raises(InvalidOption, match=r"Did you mean input=night\.edf\?"):
        check_overrides("predict", ["night.edf", "output=x"])


def test_sweeps_compose() -> None:
    assert check_overrides("train", ["-m", "model=v3,v3_small", "seed=1,2"]) is not None


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_composes(command: str) -> None:
    assert check_overrides(command.replace("-", "_"), []) is not None


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main([command, "--help"])
    report = capsys.readouterr().out
    assert f"brainbrr {command} " in report
    assert "options:" in report


def test_unknown_command_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["trian"])
    assert stop.value.code == 2
    assert "Did you mean `brainbrr train`?" in capsys.readouterr().err


def test_missing_options_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["predict", "format=[tsv]"])
    assert stop.value.code == 2
    assert "InvalidOption: input= output= missing" in capsys.readouterr().err


def test_errors_have_three_parts() -> None:
    error = BrainbrrError("this", "that", "Do so.")
    assert (error.expected, error.got, error.remedy) == ("this", "that", "Do so.")
