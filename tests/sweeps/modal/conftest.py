"""A fake control plane, and a laptop that talks to it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.control_plane import ControlPlane

ROOT = Path(__file__).resolve().parents[3]
LIGHT = ROOT / "tests" / "fakes" / "light_job.py"


class Laptop:
    """Runs commands in a folder of its own, as a user would.

    Args:
        plane: the control plane that its `modal` talks to.
        folder: where it works.
    """

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        folder.mkdir(parents=True, exist_ok=True)
        paths = [str(ROOT), *(each for each in sys.path if (Path(each) / "modal").is_dir())]
        self.environment = {
            **os.environ,
            **plane.environment,
            "PYTHONPATH": os.pathsep.join(paths),
            "COLUMNS": "160",
            "OMP_NUM_THREADS": "1",
        }

    @property
    def launcher(self) -> list[str]:
        """Options that every sweep of these tests has."""
        base = self.plane.world.base
        return [
            "hydra/launcher=modal",
            "hydra.launcher.gpu=[H100,A100-80GB]",
            f"hydra.launcher.results={base}/mnt/results",
            f"hydra.launcher.corpora={base}/mnt/data",
            "hydra.launcher.startup_s=0",
            "sweep.poll_s=0.2",
        ]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A command that goes on beside the test."""
        return self._start("-m", "brainbrr", *arguments)

    def python(self, *arguments: str) -> tuple[int, str]:
        """A Python of the laptop's to its end: its exit code and all that it said."""
        process = self._start(*arguments)
        message, _ = process.communicate(timeout=280)
        return process.returncode, message

    def _start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """A command to its end: its exit code and all that it said."""
        return self.python("-m", "brainbrr", *arguments)

    def real(self, *arguments: str) -> list[str]:
        """A sweep of real commands."""
        program = f"hydra.launcher.program=[{sys.executable},-m,brainbrr]"
        return [arguments[0], "-m", *self.launcher, program, *arguments[1:]]

    def light(self, *arguments: str) -> list[str]:
        """A sweep of jobs that take no time to learn anything."""
        program = f"hydra.launcher.program=[{sys.executable},{LIGHT}]"
        return [arguments[0], "-m", *self.launcher, program, *arguments[1:]]

    def files(self, name: str) -> list[Path]:
        """Files of that name that came home, in the order of sweeps and jobs."""
        return sorted(self.folder.glob(f"multirun/*/*/*/{name}"))


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane with an empty volume for corpora."""
    with ControlPlane(tmp_path / "modal") as running:
        corpora = running.add_volume("brainbrr-corpora")
        (corpora / "synthetic" / "sub-01").mkdir(parents=True)
        yield running


@pytest.fixture
def laptop(plane: ControlPlane, tmp_path: Path) -> Laptop:
    """A user's computer."""
    return Laptop(plane, tmp_path / "laptop")
