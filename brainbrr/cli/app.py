"""Run a command as a Hydra application, reporting a user's error in one line."""

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

from brainbrr.cli.override_check import check_overrides
from brainbrr.cli.renamed import rename_arguments
from brainbrr.conf_folder import CONF_FOLDER
from brainbrr.errors import BrainbrrError, InvalidFile, InvalidOption, NotFound, Unavailable
from brainbrr.idle_threads import let_idle_threads_sleep

USER_ERROR = 2
INTERRUPTED = 130
FULL_ERROR = "HYDRA_FULL_ERROR"
MULTIRUN = {"-m", "--multirun"}
VALUED = {
    short or flag: flag
    for flag, letters in {"--config-dir": "-cd", "--config-name": "-cn", "--config-path": "-cp",
                          "--cfg": "-c", "--package": "-p"}.items()
    for short in ("", letters)
}  # fmt: skip
"""Flags of Hydra that take a value."""
INFORMS = {"--help", "-h", "--hydra-help", "--info", "-i"}
"""Flags with which Hydra prints something and runs nothing."""
LAUNCHER_EXTRAS = {"hydra_plugins.hydra_submitit_launcher": "slurm"}
"""Packages that some launchers need, with the extra that installs them."""
TRAINING_PACKAGES = {"lightning", "PIL", "tensorboard", "torch_geometric"}
"""Modules of the extra `train`."""
COMPUTES = {"train", "predict", "evaluate", "benchmark"}
"""Commands that run a network repeatedly, and are faster if freed memory is kept."""
WANTS_HARDWARE = {"train", "benchmark"}
FINISHED = "scores.json"


def run_command(name: str, arguments: list[str]) -> None:
    """Compose the command's configuration and run it.

    Exits with 2 on a user's error and 130 on Ctrl-C; a defect leaves its traceback and exit code 1.
    """
    let_idle_threads_sleep()
    name = name.replace("-", "_")
    arguments = rename_arguments(flags_first(arguments))
    try:
        arguments = prepare_arguments(name, arguments)
        composed = check_overrides(name, arguments)
        if composed is not None:
            _refuse_missing(name, composed)
            _refuse_absent_launcher(str(composed.hydra.launcher.get("_target_")))
    except BrainbrrError as error:
        _report(error)
    if name in COMPUTES:
        import_module("brainbrr.kernels.allocator").keep_freed_memory()
    try:
        command: Callable[[DictConfig], None] = import_module(f"brainbrr.cli.{name}").run
    except ModuleNotFoundError as error:
        _report(_absent(name, error))
    sys.argv = [f"brainbrr {name}", *arguments]
    GlobalHydra.instance().clear()
    given = os.environ.get(FULL_ERROR)
    trace = given not in {None, "0"}
    app = hydra.main(version_base="1.3", config_path=str(CONF_FOLDER), config_name=name)
    # A sweep continues after a failed job and raises its error at the end.
    sweeps = MULTIRUN & set(arguments)
    task = command if sweeps else lambda cfg: _refusing(lambda: command(cfg), trace=trace)
    run = app(task)
    # With this Hydra raises errors instead of printing them and exiting.
    os.environ[FULL_ERROR] = "1"
    try:
        _refusing(run, trace=trace)
    finally:
        os.environ.pop(FULL_ERROR)
        os.environ.update({} if given is None else {FULL_ERROR: given})


def flags_first(arguments: list[str]) -> list[str]:
    """Return flags, each in one piece with its value, and then overrides.

    Hydra's parser refuses overrides on both sides of a flag.
    """
    flags: list[str] = []
    overrides: list[str] = []
    rest = iter(arguments)
    for text in rest:
        if text in VALUED:
            flags.append(f"{VALUED[text]}={next(rest, '')}")
        else:
            (flags if text.startswith("-") else overrides).append(text)
    return [*flags, *overrides]


def prepare_arguments(name: str, arguments: list[str]) -> list[str]:
    """Expand `resume=` to the stored run, and add the detected hardware profile if none is given.

    Raises:
        NotFound: there is no run to resume.
        InvalidOption: other options next to `resume=`.
    """
    if INFORMS & set(arguments):
        return arguments
    if name == "sweep_table" and arguments and "=" not in arguments[0]:
        arguments = [f"folder={_quoted(arguments[0])}", *arguments[1:]]
    values = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    if name == "train" and values.get("resume", "null") != "null":
        return _resumed(arguments, values)
    elsewhere = values.get("hydra/launcher") == "modal"
    if name in WANTS_HARDWARE and "hardware" not in values and not elsewhere:
        from brainbrr.training.hardware import detect_hardware

        return [*arguments, f"hardware={detect_hardware()}"]
    return arguments


def _quoted(path: str) -> str:
    """Return a path as one value of Hydra's grammar."""
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _resumed(arguments: list[str], values: dict[str, str]) -> list[str]:
    run = Path(values["resume"])
    if values["resume"] == "auto":
        run = newest_unfinished(Path(values.get("paths.runs", "runs")))
    if not (run / "config.yaml").is_file():
        raise NotFound(
            f"{run} is not a run folder: it has no config.yaml",
            "Give the folder written by train, or resume=auto.",
        )
    others = [text for text in arguments if not text.startswith(("resume=", "run_dir="))]
    if others:
        raise InvalidOption(
            "resume= alone: a run resumes with its stored configuration",
            " ".join(others),
            "Start a new run to change options (init_from=DETECTOR keeps the weights).",
        )
    # Without the subfolder the record of the original command stays.
    return [f"resume={run}", f"run_dir={run}", "hydra.output_subdir=null"]


def newest_unfinished(runs: Path) -> Path:
    """Return the most recent run folder under `runs` that has a configuration but no scores.

    Raises:
        NotFound: there is no unfinished run.
    """
    candidates = [
        file.parent
        for file in runs.rglob("config.yaml")
        if file.parent.name != ".hydra" and not (file.parent / FINISHED).exists()
    ]
    if not candidates:
        raise NotFound(
            f"there is no unfinished run under {runs}", "Start one, or name a run: resume=DIR."
        )
    return max(candidates, key=lambda folder: (folder / "config.yaml").stat().st_mtime)


def _refusing(action: Callable[[], None], *, trace: bool) -> None:
    """Call an action, and exit with one line if the user has to change something."""
    try:
        action()
    except BrainbrrError as error:
        _report(error, trace=trace)
    except HydraException as error:
        _report(InvalidOption(str(error).splitlines()[0], "See --help."))
    except OSError as error:
        if error.errno is None:
            raise
        path = Path(str(error.filename)) if error.filename is not None else Path()
        remedy = "Use another path, or check its permissions and the free space."
        _report(InvalidFile(f"{error.strerror} ({path})", remedy), trace=trace)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Finished work is kept; the same command resumes.\n")
        raise SystemExit(INTERRUPTED) from None


def _absent(name: str, error: ModuleNotFoundError) -> BrainbrrError:
    """Return the error of a command whose package is not installed; a defect is raised."""
    package = (error.name or "").split(".", maxsplit=1)[0]
    if package == "fcntl":
        return Unavailable("Windows is not supported", "Run brainbrr on Linux, macOS or WSL2.")
    if package not in TRAINING_PACKAGES:
        raise error
    return Unavailable(
        f"{name} needs the package {package}, which is not installed",
        'Install it: pip install "brainbrr[train]"',
    )


def _refuse_missing(name: str, composed: DictConfig) -> None:
    values = OmegaConf.to_container(composed, resolve=False)
    missing = [key for key in sorted(_missing(values)) if not key.startswith("hydra.")]
    if missing:
        raise InvalidOption(
            f"{' '.join(f'{key}=' for key in missing)} missing",
            f"`brainbrr {name} --help` shows examples.",
        )


def _missing(node: Any, prefix: str = "") -> list[str]:
    if isinstance(node, dict):
        return [key for name, child in node.items() for key in _missing(child, f"{prefix}.{name}")]
    return [prefix.removeprefix(".")] if node == "???" else []


def _refuse_absent_launcher(target: str) -> None:
    package = ".".join(target.split(".")[:2])
    if package in LAUNCHER_EXTRAS and find_spec(package) is None:
        raise Unavailable(
            f"this hydra/launcher needs the package {package}, which is not installed",
            f'Install it: pip install "brainbrr[{LAUNCHER_EXTRAS[package]}]"',
        )


def _report(error: BrainbrrError, *, trace: bool = False) -> None:
    if trace:
        traceback.print_exc()
    sys.stderr.write(f"{error}\n")
    raise SystemExit(USER_ERROR) from error
