"""Overrides that do not fit are answered with the nearest name that does."""

import pytest

from brainbrr.cli.main import COMMANDS, main
from brainbrr.cli.override_check import check_overrides
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


def test_unreadable_override_is_refused() -> None:
    with pytest.raises(InvalidOption, match="option=value"):
        check_overrides("train", ["model=[v3"])


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
    told = capsys.readouterr().out
    assert f"brainbrr {command} " in told
    assert "options:" in told


def test_unknown_command_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["trian"])
    assert stop.value.code == 2
    assert "Did you mean `brainbrr train`?" in capsys.readouterr().err


def test_missing_options_are_named_together(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["predict", "input=x"])
    assert stop.value.code == 2
    assert "InvalidOption: detector= output= missing" in capsys.readouterr().err


def test_errors_have_three_parts() -> None:
    error = BrainbrrError("this", "that", "Do so.")
    assert (error.expected, error.got, error.remedy) == ("this", "that", "Do so.")
