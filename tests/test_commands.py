"""Commands that people copy (README, examples, Makefile, the heads of configurations) compose."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import DictConfig

from brainbrr.cli.app import _refuse_missing, prepare_arguments
from brainbrr.cli.main import COMMANDS
from brainbrr.cli.override_check import check_overrides
from brainbrr.errors import NotFound

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    ROOT / "README.md", ROOT / "examples" / "README.md", ROOT / "Makefile",
    *sorted((ROOT / "conf").rglob("*.yaml")), *sorted((ROOT / "experiments").rglob("*.md")),
]  # fmt: skip
MADE = ("setup", "demo", "demo-from-scratch", "test", "test-all", "lint", "format", "bench")


def commands_of(file: Path) -> Iterator[str]:
    """The `brainbrr` commands that stand on a line of their own, without comments."""
    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^[#\s]*(?:\$\(BIN\)/)?brainbrr +(\S.*)$", text, re.MULTILINE):
        for command in re.sub(r"\$\((\w+)\)", r"\1", line).split("&& brainbrr "):
            yield " ".join(re.sub(r"\s+#.*", "", command).split())


COPIED = sorted({command for file in FILES for command in commands_of(file)})


def recipe(target: str) -> list[str]:
    """The commands of a target of the Makefile."""
    rule = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule is not None, target
    return [line.strip() for line in rule[1].splitlines()]


def composed(command: str) -> DictConfig:
    """The configuration of a command, composed and checked as before it runs."""
    name, *arguments = shlex.split(command)
    name = name.replace("-", "_")
    cfg = check_overrides(name, prepare_arguments(name, arguments))
    assert cfg is not None
    _refuse_missing(name, cfg)
    return cfg


@pytest.mark.parametrize("command", COPIED)
def test_a_command_that_people_copy_composes(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.split(maxsplit=1)[0] in COMMANDS
    if command == "train resume=auto":
        with pytest.raises(NotFound, match="no unfinished run"):
            composed(command)
    else:
        assert composed(command)


def test_the_first_command_of_the_readme_needs_no_detector() -> None:
    assert next(commands_of(ROOT / "README.md")) == "predict input=night.edf output=events"


@pytest.mark.parametrize(
    "command",
    ["predict input=a output=b", "watch input=a", "evaluate output=b", "export output=b", "doctor"],
)
def test_the_shipped_detector_is_the_default(command: str) -> None:
    assert composed(command).detector == "base"


def test_every_target_is_listed_and_declared() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) == set(phony.split())
    assert set(phony.split()) >= set(MADE)


def test_the_demo_fine_tunes_on_unseen_subjects_and_ends_with_a_real_recording() -> None:
    synthesize, train, evaluate, predict, message = recipe("demo")
    assert "seed=2026" in synthesize.split()
    assert "experiment=quickstart" in train.split()
    assert "data.root=examples" in evaluate.split()
    assert {"predict", "input=examples"} <= set(predict.split())
    for command in (train, evaluate):
        (written,) = re.findall(r"(?:run_dir|output)=(\S+)", command)
        assert f"{written}/report.html" in message


def test_training_from_scratch_shares_no_folder_with_the_demo() -> None:
    synthesize, train = recipe("demo-from-scratch")
    assert "experiment=from_scratch" in train.split()
    folders = re.findall(r"(?:output|root|run_dir|cache)=(\S+)", f"{synthesize} {train}")
    assert len(folders) == 4
    # A row in experiments/from_scratch/results.csv would be a change of the clone.
    assert "experiment_name=null" in train.split()
    assert all(folder.startswith("$(DEMO)/from_scratch/") for folder in folders)
