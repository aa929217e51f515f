"""The console script: print help, or run a command. Heavy packages load with the command."""

import difflib
import os
import re
import sys
from importlib import import_module

from brainbrr import __version__
from brainbrr.conf_folder import CONF_FOLDER

COMMANDS = {
    "synthesize": "make a corpus of EDF recordings with planted seizures",
    "inspect": "check a folder of recordings before training on it",
    "prepare": "convert recordings to 19 electrodes and 256 Hz, once, into a cache",
    "train": "train a detector, test it on unseen subjects, release it",
    "predict": "EDF in, seizure events out",
    "watch": "live seizure detection on a growing EDF or a live stream",
    "score": "compare two folders of events with SzCORE and NEDC metrics",
    "evaluate": "predict, score and report on a labelled corpus",
    "export": "convert a detector to ONNX, a compiled model, one file, or a SzCORE entry",
    "benchmark": "measure the speed of a model on this machine, part by part",
    "sweep-table": "the runs of a sweep in one table and one figure",
    "doctor": "check device, kernels, corpora, caches and detectors on this machine",
}

HELP = """brainbrr {version}: scalp EEG in, seizure events out. For research; not a medical device.

usage: brainbrr COMMAND [option=value ...]

commands:
{commands}

brainbrr COMMAND --help        the options of a command, with their values
brainbrr COMMAND --cfg job     the configuration it would run with
brainbrr train -m a=1,2 b=3,4  one run for each combination
eval "$(brainbrr -sc install=bash)"   completion in bash
"""

FOOT = """
Any value above can be changed: brainbrr {name} option=value. Also:
  --cfg job [--resolve]   print the configuration it would run with, and exit
  --multirun, -m          one run for each combination of a=1,2 b=3,4
  --config-dir DIR        a folder with your own configuration groups
  --hydra-help            every other flag
Exit codes: 0 done, 2 an error in the command or its data (one line states it), 1 a bug in brainbrr.
HYDRA_FULL_ERROR=1 shows the traceback of an error too.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run `brainbrr COMMAND ...`; exit 0 when done, 2 on a user's error, 1 on a defect."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        sys.stdout.write(usage())
        return
    if arguments[0] in {"-V", "--version"}:
        sys.stdout.write(f"brainbrr {__version__}\n")
        return
    if {"-sc", "--shell-completion"} & set(arguments):
        sys.stdout.write(_completion(arguments[-1]))
        return
    name, *rest = arguments
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"Did you mean `brainbrr {near[0]}`?" if near else "See `brainbrr --help`."
        sys.stderr.write(
            f"UnknownCommand: expected one of {', '.join(COMMANDS)}; got {name}. {hint}\n"
        )
        raise SystemExit(2)
    if {"-h", "--help"} & set(rest):
        sys.stdout.write(command_help(name))
        return
    import_module("brainbrr.cli.app").run_command(name, rest)


def _completion(request: str) -> str:
    """Return bash's script for `install=bash`, the completions of $COMP_LINE for `query=bash`."""
    if request not in {"install=bash", "query=bash"}:
        sys.stderr.write(f"InvalidOption: expected -sc install=bash; got {request}. Use bash.\n")
        raise SystemExit(2)
    completion = import_module("brainbrr.cli.completion")
    if request == "install=bash":
        return str(completion.BASH)
    return "".join(f"{text}\n" for text in completion.completions(os.environ["COMP_LINE"]))


def usage() -> str:
    """Return the text of `brainbrr --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    return HELP.format(version=__version__, commands="\n".join(lines))


def command_help(name: str) -> str:
    """Return purpose, examples, groups with their choices, and options, from `conf/NAME.yaml`."""
    file = CONF_FOLDER / f"{name.replace('-', '_')}.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    n_head = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    body = "\n".join(lines[n_head:])
    purpose = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[:n_head])
    groups = [
        (group, choice)
        for group, choice in re.findall(r"^  - (\w+): ([\w\"]+)$", body, flags=re.MULTILINE)
        if (CONF_FOLDER / group).is_dir()
    ]
    parts = [purpose]
    if groups:
        parts.append(
            "groups (the choice, then all choices):\n"
            + "\n".join(_group_line(*pair) for pair in groups)
        )
    options = re.sub(r"^(defaults|hydra):\n(?:(?: .*)?\n)*", "", body + "\n", flags=re.MULTILINE)
    parts.append("options:\n" + "\n".join(f"  {line}" for line in options.strip().splitlines()))
    return "\n\n".join(parts) + "\n" + FOOT.format(name=name)


def _group_line(group: str, choice: str) -> str:
    choices = sorted(file.stem for file in (CONF_FOLDER / group).glob("*.yaml"))
    return f"  {group + '=' + choice.strip(chr(34)):<28} {' | '.join(choices)}"
