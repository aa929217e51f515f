"""Completion of commands, groups, choices and options in bash."""

from collections.abc import Iterator, Mapping
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from brainbrr.cli.main import COMMANDS
from brainbrr.cli.override_check import choices
from brainbrr.conf_folder import CONF_FOLDER

# Bash breaks words at `=`, so that only what follows it replaces the word at the cursor.
BASH = """\
_brainbrr() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$'\\n'
    COMPREPLY=($(COMP_LINE="$line" "$1" -sc query=bash 2>/dev/null))
    if [[ "${line##* }" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        COMPREPLY=("${COMPREPLY[@]#*=}")
    fi
}
complete -o nospace -o default -F _brainbrr brainbrr
"""


def completions(line: str) -> list[str]:
    """Return what the last word of a command line can become; a space follows what is complete."""
    *before, word = line.split(" ")
    _, *before = [text for text in before if text]
    if not before:
        return [f"{name} " for name in COMMANDS if name.startswith(word)]
    if before[0] not in COMMANDS:
        return []
    given = [text for text in before[1:] if "=" in text and text[0] != "-"]
    return sorted(text for text in _words(before[0], given, word) if text.startswith(word))


def _words(name: str, given: list[str], word: str) -> Iterator[str]:
    key, equals, _ = word.partition("=")
    values, groups = _composed(name.replace("-", "_"), given)
    if equals:
        known = choices(key) if key in groups else []
        if isinstance(OmegaConf.select(OmegaConf.create(values), key), bool):
            known = ["true", "false"]
        yield from (f"{key}={value} " for value in known)
        return
    parent, dot, _ = key.rpartition(".")
    node = OmegaConf.select(OmegaConf.create(values), parent) if dot else values
    for child, value in node.items() if isinstance(node, Mapping) else ():
        yield f"{parent}{dot}{child}{'.' if isinstance(value, Mapping) else '='}"
    if not dot:
        yield from (f"{group}=" for group in groups)


def _composed(name: str, given: list[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values and the groups of a command; overrides that do not fit are left out."""
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_FOLDER)):
        try:
            cfg = compose(name, given, return_hydra_config=True)
        except (HydraException, OmegaConfBaseException):
            cfg = compose(name, return_hydra_config=True)
    groups = [group for group in cfg.hydra.runtime.choices if (CONF_FOLDER / group).is_dir()]
    values = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items() if key != "hydra"}, groups
