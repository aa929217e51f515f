"""Commands without the packages they need, in an interpreter that lacks them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "{name}":
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
sys.modules.pop("{name}", None)
"""


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("lightning", 'train needs the package lightning, which is not installed. Install it: '
         'pip install "brainbrr[train]"'),
        ("fcntl", "Windows is not supported. Run brainbrr on Linux, macOS or WSL2."),
    ],
)  # fmt: skip
def test_train_states_what_is_absent(tmp_path: Path, package: str, message: str) -> None:
    code = HIDE.format(name=package) + "from brainbrr.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "hardware=cpu", "data.root=nowhere"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, f"Unavailable: {message}\n")


def test_python_waits_as_the_commands_do() -> None:
    code = "import brainbrr, os; brainbrr.Event; print(os.environ['OMP_WAIT_POLICY'])"
    for given, expected in (({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")):
        rest = {key: text for key, text in os.environ.items() if key != "OMP_WAIT_POLICY"}
        command = [sys.executable, "-c", code]
        assert subprocess.check_output(command, env=rest | given, text=True).strip() == expected
