"""Networks by name: from the entries of `conf/model`, or from a family and plain numbers as a
release stores them."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from torch import nn

from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import InvalidOption

FAMILIES: dict[str, str] = {
    "v3": "brainbrr.models.v3.v3",
    "unet_bimamba": "brainbrr.models.unet_bimamba.unet_bimamba",
}
"""Family to the factory that builds it; the only code a release can ask for."""


FORMER_SCANS = {"native": "c", "kernels": "mamba_ssm", "fused": "triton"}
"""Values of `model.scan` that stored configurations and releases may hold, and today's."""


def load_model(name: str, **overrides: Any) -> nn.Module:
    """Build an untrained network from `conf/model/NAME.yaml`, with any of its numbers changed.

    Args:
        name: an entry of `conf/model`, such as `v3` or `v3_tiny`.
        overrides: numbers to change, such as `scan="chunked"`.

    Raises:
        InvalidOption: no such entry.
        InvalidOption: an override the model does not have.
    """
    family, numbers = read_model(name)
    return build_model(family, **numbers | overrides)


def read_model(name: str) -> tuple[str, dict[str, Any]]:
    """Return the family and the plain numbers of an entry of `conf/model`.

    Raises:
        InvalidOption: no such entry, or its target is of no known family.
    """
    folder = CONF_FOLDER / "model"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in names:
        raise InvalidOption(
            f"one of {', '.join(names)}",
            repr(name),
            _suggestion(name, names, "Choose one of them."),
        )
    numbers = _read_entry(folder, name)
    return family_of(str(numbers.pop("_target_", ""))), numbers


def _read_entry(folder: Path, name: str) -> dict[str, Any]:
    """Return an entry merged over the entries its `defaults` list names, as Hydra composes it."""
    entry = OmegaConf.to_container(OmegaConf.load(folder / f"{name}.yaml"))
    assert isinstance(entry, dict)
    bases = [base for base in entry.pop("defaults", []) if base != "_self_"]
    inherited = [_read_entry(folder, base).items() for base in bases]
    return dict(chain(*inherited, entry.items()))


def describe_model(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of `conf/model` as a release stores it: `family` and plain numbers.

    Raises:
        InvalidOption: its target is of no known family.
    """
    numbers = {key: value for key, value in entry.items() if key != "_target_"}
    return {"family": family_of(str(entry.get("_target_", ""))), **with_scan_of_today(numbers)}


def family_of(target: str) -> str:
    """Return the family that a `_target_` builds.

    Raises:
        InvalidOption: no family is built by it.
    """
    for family, factory in FAMILIES.items():
        if factory == target:
            return family
    raise InvalidOption(
        f"a target among {', '.join(FAMILIES.values())}",
        repr(target),
        "Add the factory to brainbrr.models.registry.FAMILIES.",
    )


def build_model(family: str, **numbers: Any) -> nn.Module:
    """Build an untrained network of that family.

    Args:
        family: a key of `FAMILIES`.
        numbers: all the numbers its factory takes.

    Raises:
        InvalidOption: no such family.
        InvalidOption: a number too many or one missing.
    """
    if family not in FAMILIES:
        raise InvalidOption(
            f"one of {', '.join(FAMILIES)}",
            repr(family),
            _suggestion(family, list(FAMILIES), "Choose one of them."),
        )
    module, _, function = FAMILIES[family].rpartition(".")
    factory: Callable[..., nn.Module] = getattr(import_module(module), function)
    numbers = with_scan_of_today(numbers)
    _check_numbers(factory, numbers)
    return factory(**numbers)


def with_scan_of_today(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers with today's name for the form of the scan."""
    scan = numbers.get("scan")
    return numbers | {"scan": FORMER_SCANS[scan]} if scan in FORMER_SCANS else numbers


def _check_numbers(factory: Callable[..., nn.Module], numbers: dict[str, Any]) -> None:
    """Refuse numbers that the factory does not take: its signature is the schema."""
    known = list(inspect.signature(factory).parameters)
    if extra := [key for key in numbers if key not in known]:
        raise InvalidOption(
            f"numbers of {factory.__name__}: {', '.join(known)}",
            ", ".join(map(repr, extra)),
            _suggestion(extra[0], known, "Leave it out."),
        )
    if missing := [key for key in known if key not in numbers]:
        raise InvalidOption(
            f"all numbers of {factory.__name__}",
            f"none for {', '.join(missing)}",
            "Provide the missing numbers.",
        )


def _suggestion(word: str, known: list[str], otherwise: str) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]}?" if near else otherwise
