"""Refuse overrides that do not fit the configuration or have no effect in it."""

import difflib
import re
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError, InvalidOption

_MAMBA = [
    f"model.{stream}{key}"
    for stream in ("", "node_", "edge_")
    for key in ("d_state", "d_conv", "expand")
]
NEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(["model.scan", *_MAMBA], ("model.stream", ("bimamba2",))),
    **dict.fromkeys(
        ["model.headdim", "model.node_headdim", "model.edge_headdim"],
        ("model.stream", ("bimamba2", "attention")),
    ),
    "model.graph_alpha": ("model.graph_convolution", ("ssg", "SSGConv")),
    "model.graph_hops": ("model.graph_convolution", ("ssg", "SSGConv")),
    "callbacks.finite_guard.max_in_a_row": ("callbacks.finite_guard.policy", ("skip",)),
    "corrections_weight": ("data.corrections", ()),
    "dataloader.balance.curriculum_share": ("dataloader.balance.curriculum_epochs", ()),
    "detect.coverage": ("detect.alarm_budget", ()),
    "loss.boundary_weight": ("loss.boundary_s", ()),
}
"""Options that have an effect only if another option has one of some values; without values, if it
is neither null nor 0."""
_SETTINGS = {"trainer.accelerator", "hardware.mps_memory_fraction", "hardware.n_threads"}
READ_OF_PROFILE = {
    "benchmark": _SETTINGS | {
        "trainer.precision", "trainer.matmul_precision", "trainer.benchmark",
        "dataloader.batch_size",
    },
    "evaluate": _SETTINGS | {
        "trainer.precision", "trainer.matmul_precision", "dataloader.eval_batch_size",
    },
    "predict": _SETTINGS,
    "watch": _SETTINGS,
}  # fmt: skip
"""Options of a hardware profile that a command other than train reads; the rest has no effect."""


def check_overrides(name: str, arguments: list[str]) -> DictConfig | None:
    """Compose once to see that every override fits and has an effect.

    Returns:
        the composed configuration, or None if a flag such as `--cfg` makes the check pointless.

    Raises:
        InvalidOption: an override that does not compose, with the nearest name if its key or choice
            does not exist; or one without effect.
    """
    overrides = [text for text in arguments if not text.startswith("-")]
    if any(flag.startswith(("--hydra", "-sc", "--shell", "--cfg", "-c")) for flag in arguments):
        return None
    parsed = _parsed(overrides)
    single = [_first_choice(override) for override in parsed]
    folders = [
        f"'file://{Path(flag.partition('=')[2]).resolve()}'"
        for flag in arguments
        if flag.startswith("--config-dir=")
    ]
    if folders:
        single.append(f"hydra.searchpath=[{','.join(folders)}]")
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        try:
            composed = compose(name, single, return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise _diagnosis(name, str(error), single) from error
    _refuse_without_effect(name, parsed, composed)
    return composed


def _parsed(overrides: list[str]) -> list[Override]:
    for text in overrides:
        if "=" not in text and Path(text).exists():
            raise InvalidOption("option=value", text, f"Did you mean input={text}?")
    try:
        return list(OverridesParser.create().parse_overrides(overrides))
    except HydraException as error:
        first = str(error).splitlines()[0]
        raise InvalidOption("option=value", first, "Quote values with spaces or commas.") from error


def _first_choice(override: Override) -> str:
    """Return an override of one run: for `lr=1e-4,3e-4` the first value."""
    text = str(override.input_line)
    if not override.is_sweep_override():
        return text
    key, value = text.split("=", 1)[0], override.value()
    if isinstance(value, IntervalSweep):
        return f"{key}={value.start}"
    return f"{key}={next(iter(override.sweep_string_iterator()))}"


def _refuse_without_effect(name: str, overrides: list[Override], composed: DictConfig) -> None:
    swept = {each.key_or_group for each in overrides if each.is_sweep_override()}
    for override in overrides:
        option = str(override.key_or_group)
        of_profile = option.startswith(("trainer.", "dataloader.", "hardware."))
        if of_profile and option not in READ_OF_PROFILE.get(name, {option}):
            raise InvalidOption(f"{option} has no effect in {name}", "Omit it.")
        if option not in NEEDS:
            continue
        other, values = NEEDS[option]
        value = OmegaConf.select(composed, other)
        # Other runs of a sweep may use what its first run does not.
        if swept & {option, other, other.split(".", maxsplit=1)[0]}:
            continue
        if value not in values if values else not value:
            remedy = f"Omit it, or set {other}{'=' + ' or '.join(values) if values else ''}."
            shown = "null" if value is None else value
            raise InvalidOption(f"{option} has no effect with {other}={shown}", remedy)


def _diagnosis(name: str, message: str, overrides: list[str]) -> BrainbrrError:
    missing = re.search(r"Could not find '([^']+)'", message)
    if missing and "/" in missing[1]:
        group, option = missing[1].rsplit("/", 1)
        options = choices(group)
        if options:
            return InvalidOption(
                f"{group} to be one of {', '.join(options)}", option, _near(option, options)
            )
    unknown = re.search(r"Could not override '([^']+)'", message)
    if unknown:
        keys = known_keys(name, overrides)
        return InvalidOption(f"an option of `brainbrr {name}`", unknown[1], _near(unknown[1], keys))
    return InvalidOption(message.splitlines()[0], "See --help.")


def choices(group: str) -> list[str]:
    """Return the options of a configuration group, sorted."""
    return sorted(file.stem for file in (CONF_FOLDER / group).glob("*.yaml"))


def known_keys(name: str, overrides: list[str]) -> list[str]:
    """Return every dotted key of a command's configuration, with the groups its overrides
    choose."""
    groups = [text for text in overrides if _chooses(text)]
    for chosen in (groups, []):
        try:
            cfg = compose(name, chosen)
        except (HydraException, OmegaConfBaseException):
            continue
        return _dotted(OmegaConf.to_container(cfg, resolve=False))
    return []


def _chooses(override: str) -> bool:
    key, _, value = override.partition("=")
    return (CONF_FOLDER / key / f"{value}.yaml").is_file()


def _dotted(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix.removesuffix(".")]
    keys = [prefix.removesuffix(".")] if prefix else []
    return keys + [
        key for name, child in node.items() for key in _dotted(child, f"{prefix}{name}.")
    ]


def _near(got: str, known: list[str]) -> str:
    near = difflib.get_close_matches(got, known, n=1, cutoff=0.5)
    if not near:
        leaf = got.rsplit(".", 1)[-1]
        leaves = {key.rsplit(".", 1)[-1]: key for key in known}
        near = [leaves[name] for name in difflib.get_close_matches(leaf, leaves, n=1, cutoff=0.6)]
    return f"Did you mean {near[0]}?" if near else "`--cfg job` lists all options."
