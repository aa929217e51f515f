"""What importing the package and asking for help costs, and what the public face offers."""

import json
import subprocess
import sys

import pytest

import brainbrr
from brainbrr.errors import BrainbrrError

HEAVY = {"torch", "lightning", "hydra", "omegaconf", "mne", "scipy", "numpy", "matplotlib", "rich"}


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded by a fresh interpreter that runs `code`."""
    listing = f"import sys\n{code}\nimport json; sys.stderr.write(json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stderr)}


def test_import_loads_nothing_heavy() -> None:
    assert not modules_after("import brainbrr") & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"from brainbrr.cli.main import main; main({arguments})"
    assert not modules_after(code) & HEAVY


def test_every_public_name_resolves() -> None:
    for name in brainbrr.__all__:
        assert getattr(brainbrr, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="load_modle"):
        brainbrr.load_modle  # noqa: B018


def test_refusals_survive_a_process_boundary() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(BrainbrrError("a", "b", "c")))
    assert str(error) == "BrainbrrError: expected a; got b. c"
