"""Every command as a Hydra application, with refusals in one line instead of a traceback."""

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.arguments import prepare_arguments
from brainbrr.cli.misspelling import check_overrides
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)

USER_ERROR = 2
INTERRUPTED = 130
MULTIRUN = {"-m", "--multirun"}
"""Flags under which an override may hold several values."""


def run_command(name: str, arguments: list[str]) -> None:
    """Compose the command's configuration and run it.

    Exits with 2 on a user's error and 130 on Ctrl-C; a defect leaves its traceback and exit code 1.
    """
    _let_idle_threads_sleep()
    try:
        arguments = prepare_arguments(name, arguments)
        composed = check_overrides(name, arguments)
        if composed is not None:
            _refuse_missing(name, composed)
    except BrainbrrError as error:
        _tell(error)
    command: Callable[[DictConfig], None] = import_module(f"brainbrr.cli.{name}").run
    sys.argv = [f"brainbrr {name}", *arguments]
    GlobalHydra.instance().clear()
    hydra.main(version_base="1.3", config_path=str(CONF_FOLDER), config_name=name)(
        _guarded(command)
    )()


def _let_idle_threads_sleep() -> None:
    """Ask OpenMP, before torch loads it, not to spin while it waits.

    Beside one other busy process on two cores, spinning made a training step 6.8 times slower; on
    an idle machine it gains nothing. A choice of the user's own stands.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _guarded(command: Callable[[DictConfig], None]) -> Callable[[DictConfig], None]:
    def guarded(cfg: DictConfig) -> None:
        try:
            command(cfg)
        except BrainbrrError as error:
            log.debug("refused", exc_info=True)
            _tell(error)
        except OSError as error:
            if error.filename is None and error.errno is None:
                raise
            log.debug("refused", exc_info=True)
            _tell(UnusablePath.from_os(error))
        except KeyboardInterrupt:
            sys.stderr.write("Interrupted. What was finished is kept; the same command goes on.\n")
            raise SystemExit(INTERRUPTED) from None

    return guarded


def _refuse_missing(name: str, composed: DictConfig) -> None:
    values = OmegaConf.to_container(composed, resolve=False)
    missing = [key for key in sorted(_missing(values)) if not key.startswith("hydra.")]
    if missing:
        raise MissingOption(
            f"a value for {' '.join(f'{key}=' for key in missing)}",
            "none",
            f"`brainbrr {name} --help` shows examples.",
        )


def _missing(node: Any, prefix: str = "") -> list[str]:
    if isinstance(node, dict):
        return [key for name, child in node.items() for key in _missing(child, f"{prefix}.{name}")]
    return [prefix.removeprefix(".")] if node == "???" else []


class MissingOption(BrainbrrError):
    """An option without a default was not given."""


class UnusablePath(BrainbrrError):
    """The operating system refused a file or folder."""

    @classmethod
    def from_os(cls, error: OSError) -> "UnusablePath":
        """The refusal for an error of the operating system."""
        where = Path(str(error.filename)) if error.filename is not None else Path()
        remedy = "Name another place, or make room and grant access there."
        return cls("a usable file or folder", f"{error.strerror} ({where})", remedy)


def _tell(error: BrainbrrError) -> None:
    sys.stderr.write(f"{error}\n")
    raise SystemExit(USER_ERROR) from error
