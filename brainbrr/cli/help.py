"""`brainbrr COMMAND --help`: the command's own configuration file, told as it is written."""

import re

from brainbrr.conf_folder import CONF_FOLDER

FOOT = """
Any value above can be changed: brainbrr {name} option=value. Also:
  --cfg job [--resolve]   the whole configuration it would run with, and nothing more
  --multirun, -m          one run for each combination of a=1,2 b=3,4
  --config-dir DIR        a folder with configuration groups of your own
  --hydra-help            every other flag
Exit codes: 0 done, 2 something for you to change (one line says what), 1 a defect of brainbrr.
HYDRA_FULL_ERROR=1 shows the trace of a refusal too.
"""


def command_help(name: str) -> str:
    """Purpose, examples, groups with their choices, options with units: `conf/NAME.yaml` told."""
    lines = (
        (CONF_FOLDER / f"{name.replace('-', '_')}.yaml").read_text(encoding="utf-8").splitlines()
    )
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
