"""Every command as a Hydra application, with refusals in one line instead of a traceback."""

import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from brainbrr.cli.arguments import prepare_arguments
from brainbrr.cli.override_check import InvalidOverride, check_overrides
from brainbrr.cli.renamed import rename_arguments
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError

USER_ERROR = 2
INTERRUPTED = 130
FULL_ERROR = "HYDRA_FULL_ERROR"
MULTIRUN = {"-m", "--multirun"}
LAUNCHER_EXTRAS = {"hydra_plugins.hydra_submitit_launcher": "slurm"}
"""Packages that some launchers need, with the extra that installs them."""
COMPUTES = {"train", "predict", "evaluate", "benchmark"}
"""Commands that run a network over and over, and gain from memory that stays warm."""


def run_command(name: str, arguments: list[str]) -> None:
    """Compose the command's configuration and run it.

    Exits with 2 on a user's error and 130 on Ctrl-C; a defect leaves its traceback and exit code 1.
    """
    _let_idle_threads_sleep()
    name = name.replace("-", "_")
    arguments = rename_arguments(arguments)
    try:
        arguments = prepare_arguments(name, arguments)
        # Hydra's parser knows the flag before or behind all options, not between them.
        arguments = sorted(arguments, key=lambda argument: argument not in MULTIRUN)
        composed = check_overrides(name, arguments)
        if composed is not None:
            _refuse_missing(name, composed)
            _refuse_absent_launcher(str(composed.hydra.launcher.get("_target_")))
    except BrainbrrError as error:
        _tell(error)
    if name in COMPUTES:
        import_module("brainbrr.kernels.allocator").keep_freed_memory()
    command: Callable[[DictConfig], None] = import_module(f"brainbrr.cli.{name}").run
    sys.argv = [f"brainbrr {name}", *arguments]
    GlobalHydra.instance().clear()
    given = os.environ.get(FULL_ERROR)
    trace = given not in {None, "0"}
    app = hydra.main(version_base="1.3", config_path=str(CONF_FOLDER), config_name=name)
    # A sweep keeps what one of its jobs raises, goes on, and raises it at the end.
    sweeps = MULTIRUN & set(arguments)
    task = command if sweeps else lambda cfg: _refusing(lambda: command(cfg), trace=trace)
    run = app(task)
    # Hydra then lets errors through instead of ending the program with its own words.
    os.environ[FULL_ERROR] = "1"
    try:
        _refusing(run, trace=trace)
    finally:
        os.environ.pop(FULL_ERROR)
        os.environ.update({} if given is None else {FULL_ERROR: given})


def _refusing(action: Callable[[], None], *, trace: bool) -> None:
    """Do something, and end the program in one line where the user has to change something."""
    try:
        action()
    except BrainbrrError as error:
        _tell(error, trace=trace)
    except HydraException as error:
        _tell(InvalidOverride("a run that composes", str(error).splitlines()[0], "See --help."))
    except OSError as error:
        if error.errno is None:
            raise
        _tell(UnusablePath.from_os(error), trace=trace)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. What was finished is kept; the same command goes on.\n")
        raise SystemExit(INTERRUPTED) from None


def _let_idle_threads_sleep() -> None:
    """Ask OpenMP and numpy's algebra, before they load, not to spin while they wait.

    Beside one other busy process on two cores, spinning made a training step 6.8 times slower; on
    an idle machine it gains nothing. Preparation multiplies matrices too small to share: with one
    thread it took 8.1 s instead of 13.5 s in two processes on two cores. torch keeps its own
    threads. A choice of the user's own stands.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


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


def _refuse_absent_launcher(target: str) -> None:
    package = ".".join(target.split(".")[:2])
    if package in LAUNCHER_EXTRAS and find_spec(package) is None:
        raise LauncherMissing(
            f"the package behind {package}, for this hydra/launcher",
            "none",
            f'Install it: pip install "brainbrr[{LAUNCHER_EXTRAS[package]}]"',
        )


class LauncherMissing(BrainbrrError):
    """A launcher was asked for whose package is not installed."""


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


def _tell(error: BrainbrrError, *, trace: bool = False) -> None:
    if trace:
        traceback.print_exc()
    sys.stderr.write(f"{error}\n")
    raise SystemExit(USER_ERROR) from error
