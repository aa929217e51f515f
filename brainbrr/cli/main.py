"""The console script: which command is meant, told or run; heavy packages load with the command."""

import difflib
import sys
from importlib import import_module

from brainbrr import __version__

COMMANDS = {
    "synthesize": "make a corpus of EDF recordings with planted seizures",
    "inspect": "look at a folder of recordings before training on it",
    "prepare": "bring recordings to 19 electrodes and 256 Hz, once, into a cache",
    "train": "train a detector, test it on unseen subjects, release it",
    "predict": "EDF in, seizure events out",
    "watch": "the same while the signal is still arriving, from a growing EDF or a live stream",
    "score": "compare two folders of events: SzCORE and NEDC",
    "evaluate": "predict, score and report on a labelled corpus",
    "export": "a detector for ONNX Runtime, compiled, as one file, or as a SzCORE entry",
    "benchmark": "how fast a model is on this machine, part by part",
    "sweep-table": "the runs of a sweep in one table, with a picture of what led where",
    "doctor": "check device, kernels, corpora, caches and detectors on this machine",
}

HELP = """brainbrr {version}: scalp EEG in, seizure events out. For research; not a medical device.

usage: brainbrr COMMAND [option=value ...]

commands:
{commands}

brainbrr COMMAND --help        the options of a command, with their values
brainbrr COMMAND --cfg job     the configuration it would run with
brainbrr train -m a=1,2 b=3,4  one run for each combination
eval "$(brainbrr train -sc install=bash)"   shell completion
"""


def usage() -> str:
    """The text of `brainbrr --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    return HELP.format(version=__version__, commands="\n".join(lines))


def main(arguments: list[str] | None = None) -> None:
    """Run `brainbrr COMMAND ...`; exit 0 when done, 2 on a user's error, 1 on a defect."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        sys.stdout.write(usage())
        return
    if arguments[0] in {"-V", "--version"}:
        sys.stdout.write(f"brainbrr {__version__}\n")
        return
    name, *rest = arguments
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f"Did you mean `brainbrr {near[0]}`?" if near else "See `brainbrr --help`."
        sys.stderr.write(
            f"UnknownCommand: expected one of {', '.join(COMMANDS)}; got {name}. {meant}\n"
        )
        raise SystemExit(2)
    if {"-h", "--help"} & set(rest):
        sys.stdout.write(import_module("brainbrr.cli.help").command_help(name))
        return
    app = import_module("brainbrr.cli.app")
    app.run_command(name, rest)
