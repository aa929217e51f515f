"""Build objects from configuration nodes; only code of known packages may be named in them."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from brainbrr.cli.renamed import current
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError, InvalidFile, InvalidOption, Unavailable

_TARGET = re.compile(r"^[^#\n]*\b_target_: *([\w.]+)", re.MULTILINE)
ALLOWED = ("brainbrr.", "torch.", "lightning.", "torch_geometric.")


def build(node: DictConfig, *arguments: Any, **parts: Any) -> Any:
    """Build what a node describes, including everything inside it, from plain Python values.

    Args:
        arguments, parts: built objects passed to the outermost constructor.

    Raises:
        InvalidOption: a `_target_` outside `ALLOWED`, or values the target does not accept.
        Unavailable: the target needs a package that is not installed.
    """
    plain = current(OmegaConf.to_container(node, resolve=True))
    for target in _targets(plain):
        if not target.startswith(ALLOWED):
            raise InvalidOption(
                f"a _target_ under {', '.join(ALLOWED)}", target, "Move the code under one of them."
            )
    try:
        return instantiate(plain, *arguments, _convert_="all", **parts)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, BrainbrrError):
            cause = cause.__cause__
        if cause is not None:
            raise cause from error
        target = str(node.get("_target_"))
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise Unavailable(
                f"{target} needs a package: {error.__cause__}",
                "Install it with pip, or choose another option.",
            ) from error
        if isinstance(error.__cause__, (TypeError, ValueError)):
            raise InvalidOption(
                f"invalid values for {target}: {error.__cause__}",
                "Compare with the comments in conf/.",
            ) from error
        raise


def plain(node: DictConfig) -> dict[str, Any]:
    """Return a node as plain values, with interpolations resolved."""
    values = OmegaConf.to_container(node, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def build_each(nodes: DictConfig | ListConfig | None) -> list[Any]:
    """Build every node of a group of several (loggers), omitting null ones."""
    values: list[Any] = list(nodes.values() if isinstance(nodes, DictConfig) else nodes or [])
    return [build(node) for node in values if node is not None]


def require_known_targets(values: Any) -> None:
    """Refuse a stored configuration that names code which no file of `conf/` names, nor one in the
    folder given with `--config-dir`.

    Raises:
        InvalidFile: the first other target.
    """
    folders = [CONF_FOLDER]
    if HydraConfig.initialized():
        sources = HydraConfig.get().runtime.config_sources
        folders += [Path(each.path) for each in sources if each.provider == "command-line"]
    named = {target for folder in folders for target in _targets_of_files(folder)}
    for target in _targets(current(values)):
        if target not in named:
            raise InvalidFile(
                "a _target_ that conf/ names",
                target,
                "If it is yours, give the folder of conf/ that names it: --config-dir DIR.",
            )


@cache
def _targets_of_files(folder: Path) -> frozenset[str]:
    texts = (path.read_text(encoding="utf-8") for path in folder.rglob("*.yaml"))
    return frozenset(target for text in texts for target in _TARGET.findall(text))


def _targets(node: Any) -> list[str]:
    if isinstance(node, dict):
        outer = [str(node["_target_"])] if "_target_" in node else []
        return outer + [target for child in node.values() for target in _targets(child)]
    return (
        [target for child in node for target in _targets(child)] if isinstance(node, list) else []
    )


def check_optimizer(optimizer: Callable[..., Any], scheduler: Callable[..., Any]) -> None:
    """Step an optimizer and its schedule on one weight: otherwise training is what calls them
    first, hours later.

    Raises:
        InvalidOption: values that one of them refuses.
    """
    weight = torch.nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    try:
        stepped = optimizer([{"params": [weight]}])
        schedule = scheduler(stepped, 100)
        stepped.step()
        schedule.step()
    except (TypeError, ValueError) as error:
        raise InvalidOption(
            "values that the optimizer and its schedule take",
            str(error),
            "Compare with the comments in conf/.",
        ) from error
