"""Overrides that do not fit the configuration, told with the nearest name that does."""

import difflib
import re
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError


class UnknownOption(BrainbrrError):
    """An override names an option or a choice that the configuration does not have."""


class InvalidOverride(BrainbrrError):
    """An override that cannot be read, or does not compose."""


def check_overrides(name: str, arguments: list[str]) -> DictConfig | None:
    """Compose once to see that every override fits.

    Returns:
        the composed configuration, or None where flags such as `--help` make the check pointless.

    Raises:
        UnknownOption: a key or choice that does not exist, with a suggestion.
        InvalidOverride: anything else that does not compose.
    """
    overrides = [text for text in arguments if not text.startswith("-")]
    if any(flag.startswith(("--hydra", "-sc", "--shell", "--cfg", "-c")) for flag in arguments):
        return None
    searches = any(flag.startswith(("--config", "-c")) for flag in arguments)
    single = [_first_choice(override) for override in _parsed(overrides)]
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        try:
            return compose(name, single, return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            if searches:
                return None
            raise _diagnosis(name, str(error), single) from error


def _parsed(overrides: list[str]) -> list[Override]:
    try:
        return list(OverridesParser.create().parse_overrides(overrides))
    except HydraException as error:
        first = str(error).splitlines()[0]
        raise InvalidOverride(
            "option=value", first, "Quote values with spaces or commas."
        ) from error


def _first_choice(override: Override) -> str:
    """One run's worth of a sweep: of `lr=1e-4,3e-4` the first."""
    text = str(override.input_line)
    if not override.is_sweep_override():
        return text
    key, value = text.split("=", 1)[0], override.value()
    if isinstance(value, IntervalSweep):
        return f"{key}={value.start}"
    return f"{key}={next(iter(override.sweep_string_iterator()))}"


def _diagnosis(name: str, message: str, overrides: list[str]) -> BrainbrrError:
    missing = re.search(r"Could not find '([^']+)'", message)
    if missing and "/" in missing[1]:
        group, option = missing[1].rsplit("/", 1)
        options = choices(group)
        if options:
            return UnknownOption(
                f"{group} to be one of {', '.join(options)}", option, _near(option, options)
            )
    unknown = re.search(r"Could not override '([^']+)'", message)
    if unknown:
        keys = known_keys(name, overrides)
        return UnknownOption(f"an option of `brainbrr {name}`", unknown[1], _near(unknown[1], keys))
    return InvalidOverride("overrides that compose", message.splitlines()[0], "See --help.")


def choices(group: str) -> list[str]:
    """The options of a configuration group, sorted."""
    return sorted(file.stem for file in (CONF_FOLDER / group).glob("*.yaml"))


def known_keys(name: str, overrides: list[str]) -> list[str]:
    """Every dotted key of a command's configuration, with the groups its overrides choose."""
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
    found = difflib.get_close_matches(got, known, n=1, cutoff=0.5)
    if not found:
        leaf = got.rsplit(".", 1)[-1]
        leaves = {key.rsplit(".", 1)[-1]: key for key in known}
        found = [leaves[name] for name in difflib.get_close_matches(leaf, leaves, n=1, cutoff=0.6)]
    return f"Did you mean {found[0]}?" if found else "`--cfg job` lists them all."
