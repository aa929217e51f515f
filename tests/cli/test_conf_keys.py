"""Every option of every command is read by something: code, a signature, or another option."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from brainbrr.cli.main import COMMANDS
from brainbrr.cli.override_check import READ_OF_PROFILE
from brainbrr.conf_folder import CONF_FOLDER

CLI = Path(__file__).resolve().parents[2] / "brainbrr" / "cli"
WITHOUT_SIGNATURE = ("torch.optim.", "lightning.")
"""Foreign targets; their own libraries refuse what they do not take."""
SWEPT = {"train": {"hydra", "sweep", "dry_run"}}
"""Options of launchers, read by `hydra_plugins` and `brainbrr.cli.modal_*`."""


@cache
def read_in(module: str) -> frozenset[str]:
    """Dotted options that a module of `brainbrr.cli` reads as `cfg.a.b`, with those of the modules
    it imports from `brainbrr.cli`."""
    tree = ast.parse((CLI / f"{module}.py").read_text())
    read = set()
    longer = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        path, inner = [], node if id(node) not in longer else None
        while isinstance(inner, ast.Attribute):
            path.append(inner.attr)
            inner = inner.value
        if path and isinstance(inner, ast.Name) and inner.id == "cfg":
            read.add(".".join(reversed(path)))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("brainbrr.cli."):
            read |= read_in((node.module or "").removeprefix("brainbrr.cli."))
    if module == "train":  # cfg[name] for name in PARTS
        read |= set(importlib.import_module("brainbrr.cli.train").PARTS)
    if module == "synthesize":
        from brainbrr.synthesis import SynthesisParameters

        read |= set(inspect.signature(SynthesisParameters).parameters)
    return frozenset(read)


def unread(node: Any, path: str, read: frozenset[str]) -> Iterator[str]:
    """The options below a node that neither code nor a signature takes."""
    if not isinstance(node, dict) or (path in read and "_target_" not in repr(node)):
        if path not in read:
            yield path
        return
    target = str(node.get("_target_", ""))
    if target.startswith(WITHOUT_SIGNATURE):
        return
    module, _, name = target.rpartition(".")
    taken = (
        inspect.signature(getattr(importlib.import_module(module), name)).parameters
        if target
        else ()
    )
    for key, value in node.items():
        below = f"{path}.{key}"
        if not target:
            yield from unread(value, below, read)
        elif key not in taken and key not in {"_target_", "_partial_"}:
            yield below
        else:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    yield from unread(part, below, read | {below})


def dead_options(command: str, *overrides: str) -> list[str]:
    """Options of a composed command that nothing reads."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        cfg = compose(command, list(overrides))
    values = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(values, dict)
    read = read_in(command)
    if command in READ_OF_PROFILE:
        # What training alone reads, another command refuses.
        files = (CONF_FOLDER / "hardware").glob("*.yaml")
        profiles = [OmegaConf.load(file) for file in files]
        stated = {f"{g}.{k}" for each in profiles for g in each if g != "defaults" for k in each[g]}
        own = [names for group, names in interpolated() if group == f"{command}.yaml"]
        assert READ_OF_PROFILE[command] <= stated & read.union(*own)
        read |= stated - READ_OF_PROFILE[command]
    skipped = SWEPT.get(command, set())
    dead = []
    for key, value in values.items():
        if key in skipped:
            continue
        others = {f"{command}.yaml", *values} - {key}
        elsewhere = read.union(*(names for group, names in interpolated() if group in others))
        # A group of parts counts only if the command, or another group, uses it.
        if any(name == key or name.startswith(f"{key}.") for name in elsewhere):
            dead += list(unread(value, str(key), read | everywhere()))
        else:
            dead.append(str(key))
    return dead


@cache
def interpolated() -> tuple[tuple[str, frozenset[str]], ...]:
    """Options that configuration files refer to, by the group of the file."""
    pattern = re.compile(r"\$\{(?:oc\.select:)?([a-z_0-9.]+)")
    return tuple(
        (file.relative_to(CONF_FOLDER).parts[0], frozenset(pattern.findall(file.read_text())))
        for file in CONF_FOLDER.rglob("*.yaml")
    )


def everywhere() -> frozenset[str]:
    """Options that any configuration file refers to."""
    return frozenset().union(*(names for _, names in interpolated()))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_is_read(command: str) -> None:
    assert dead_options(command.replace("-", "_")) == []


GROUPS = {
    folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
    for folder in sorted(CONF_FOLDER.iterdir())
    if folder.is_dir() and folder.name not in {"hydra", "hparams_search"}
}


@pytest.mark.parametrize("number", range(max(map(len, GROUPS.values()))))
def test_every_option_of_every_group_is_read(number: int) -> None:
    """One option of each group at a time, until the largest group is through."""
    groups = {group: names for group, names in GROUPS.items() if group != "experiment"}
    chosen = [f"{group}={names[number % len(names)]}" for group, names in groups.items()]
    assert dead_options("train", *chosen) == []


@pytest.mark.parametrize("experiment", GROUPS["experiment"])
def test_every_option_of_every_experiment_is_read(experiment: str) -> None:
    assert dead_options("train", f"experiment={experiment}") == []


@pytest.mark.parametrize(
    "key", ["unheard", "signal.unheard", "model.unheard", "hardware.unheard", "detect.base.unheard",
            "callbacks.monitoring.unheard", "paths.unheard"],
)  # fmt: skip
def test_a_dead_option_is_found(key: str) -> None:
    assert dead_options("train", f"+{key}=1") == [key]


def test_a_group_that_a_command_never_builds_is_found() -> None:
    assert dead_options("evaluate", "+signal=default") == ["signal"]
