"""What the command line is understood to mean before it is composed: hardware found, runs
resumed."""

import logging
from pathlib import Path

from brainbrr.cli.renamed import OPTIONS, VALUES
from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)

FINISHED = "scores.json"
WANTS_HARDWARE = {"train", "benchmark"}


class NoSuchRun(BrainbrrError):
    """The run to resume does not exist, or has nothing to go on from."""


def prepare_arguments(name: str, arguments: list[str]) -> list[str]:
    """Expand `resume=` into the stored run, and add the hardware profile where none was given."""
    if any(argument in {"--help", "-h", "--hydra-help", "--info", "-i"} for argument in arguments):
        return arguments
    arguments = [_renamed(argument) for argument in arguments]
    if name == "sweep_table" and arguments and "=" not in arguments[0]:
        arguments = [f"folder={_quoted(arguments[0])}", *arguments[1:]]
    values = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    if name == "train" and values.get("resume", "null") != "null":
        return _resumed(arguments, values)
    elsewhere = values.get("hydra/launcher") == "modal"
    if name in WANTS_HARDWARE and "hardware" not in values and not elsewhere:
        from brainbrr.training.hardware import detect_hardware

        found = detect_hardware()
        return [*arguments, f"hardware={found}"]
    return arguments


def _renamed(argument: str) -> str:
    """The argument with today's names for an option and its values."""
    option, equals, value = argument.partition("=")
    option = OPTIONS.get(option, option)
    values = VALUES.get(option, {})
    return option + equals + ",".join(values.get(each, each) for each in value.split(","))


def _quoted(path: str) -> str:
    """A path as one value of Hydra's grammar, whatever characters it holds."""
    escaped = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def newest_unfinished(runs: Path) -> Path:
    """The most recent run folder under `runs` that has a configuration but no scores.

    Raises:
        NoSuchRun: every run there is finished, or there is none.
    """
    candidates = [
        file.parent
        for file in runs.rglob("config.yaml")
        if file.parent.name != ".hydra" and not (file.parent / FINISHED).exists()
    ]
    if not candidates:
        raise NoSuchRun(
            f"an unfinished run under {runs}", "none", "Start one, or name a run: resume=DIR."
        )
    return max(candidates, key=lambda folder: (folder / "config.yaml").stat().st_mtime)


def _resumed(arguments: list[str], values: dict[str, str]) -> list[str]:
    run = Path(values["resume"])
    if values["resume"] == "auto":
        run = newest_unfinished(Path(values.get("paths.runs", "runs")))
    if not (run / "config.yaml").is_file():
        raise NoSuchRun(
            "a run folder with config.yaml",
            str(run),
            "Name the folder that train wrote, or resume=auto.",
        )
    others = [
        argument for argument in arguments if not argument.startswith(("resume=", "run_dir="))
    ]
    if others:
        raise NoSuchRun(
            "resume= alone: a run goes on with its stored configuration",
            " ".join(others),
            "Start a new run to change options (init_from=DETECTOR keeps the weights).",
        )
    # The record of what was typed to start the run stays as it is.
    return [f"resume={run}", f"run_dir={run}", "hydra.output_subdir=null"]
