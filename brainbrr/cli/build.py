"""Objects from configuration nodes: a config is code, so only known homes may be named in it."""

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from brainbrr.cli.renamed import OPTIONS, REMOVED, TARGETS, VALUES
from brainbrr.errors import BrainbrrError

ALLOWED = ("brainbrr.", "torch.", "lightning.", "torch_geometric.")


class ForbiddenTarget(BrainbrrError):
    """A configuration names code outside the packages it may build from."""


class MissingPackage(BrainbrrError):
    """An option that needs a package which is not installed."""


class InvalidConfiguration(BrainbrrError):
    """A configuration value that the code behind it refuses."""


def build(node: DictConfig, *arguments: Any, **parts: Any) -> Any:
    """Build what a node describes, everything inside it included, as plain Python values.

    Args:
        arguments, parts: already built objects handed to the outermost constructor.

    Raises:
        ForbiddenTarget: a `_target_` outside `ALLOWED`.
        MissingPackage: the target needs one that is not installed.
        InvalidConfiguration: the target does not take these values; its own words are kept.
    """
    plain = _renamed(OmegaConf.to_container(node, resolve=True))
    for target in _targets(plain):
        if not target.startswith(ALLOWED):
            raise ForbiddenTarget(
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
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise MissingPackage(
                f"the packages that {node.get('_target_')} needs",
                str(error.__cause__),
                "Install it with pip, or choose another option.",
            ) from error
        if isinstance(error.__cause__, (TypeError, ValueError)):
            raise InvalidConfiguration(
                f"values that {plain.get('_target_')} takes"
                if isinstance(plain, dict)
                else "values",
                str(error.__cause__),
                "Compare with the comments in conf/.",
            ) from error
        raise


def plain(node: DictConfig) -> dict[str, Any]:
    """A node as plain values, interpolations resolved."""
    values = OmegaConf.to_container(node, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def build_each(nodes: DictConfig | ListConfig | None) -> list[Any]:
    """Build every node of a group that holds several (callbacks, loggers); null ones are left
    out."""
    values: list[Any] = list(nodes.values() if isinstance(nodes, DictConfig) else nodes or [])
    return [build(node) for node in values if node is not None]


def _renamed(node: Any) -> Any:
    """Replace former names of targets, options and values by their present ones."""
    if isinstance(node, dict):
        target = TARGETS.get(str(node.get("_target_")), node.get("_target_"))
        for key in node:
            if REMOVED.get((target, key), node[key]) != node[key]:
                raise InvalidConfiguration(
                    f"{key}={REMOVED[target, key]} of {target}",
                    f"{node[key]}",
                    "The option was removed: remove it from the configuration.",
                )
        return {
            name: VALUES[name].get(value, value) if name in VALUES else _renamed(value)
            for name, value in ((OPTIONS.get(key, key), value) for key, value in node.items())
            if (target, name) not in REMOVED
        }
    return [_renamed(child) for child in node] if isinstance(node, list) else node


def _targets(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [str(node["_target_"])] if "_target_" in node else []
        return own + [target for child in node.values() for target in _targets(child)]
    return (
        [target for child in node for target in _targets(child)] if isinstance(node, list) else []
    )
