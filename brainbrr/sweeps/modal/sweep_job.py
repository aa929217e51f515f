"""One job of a sweep, known by what it would run: its overrides and the code."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LOCAL_ONLY = ("sweep.", "dry_run=", "run_dir=", "output=", "hydra.", "hydra/")
"""Overrides that steer the sweep from here, or name a place here, and mean nothing to a job."""
CODE = ("*.py", "*.c", "*.h", "*.yaml", "*.json")


@dataclass(frozen=True)
class Cell:
    """One command with its overrides.

    Attributes:
        number: the job's number in its sweep, from 0.
        command: `train`, `evaluate`, ...
        overrides: as typed on the command line, without those that steer the sweep.
        code: digest of the code that would run.
    """

    number: int
    command: str
    overrides: tuple[str, ...]
    code: str

    @property
    def what(self) -> str:
        """Digest of command and overrides, in whatever order they were typed."""
        return digest([self.command, *sorted(self.overrides)])

    @property
    def key(self) -> str:
        """Name of the job in the ledger and of its run folder."""
        return f"{self.what}-{self.code}"


def job_overrides(overrides: Iterable[str]) -> tuple[str, ...]:
    """Those overrides of a sweep's job that the job itself is to see."""
    return tuple(text for text in overrides if not text.lstrip("+~").startswith(LOCAL_ONLY))


def code_digest(folders: Iterable[Path]) -> str:
    """Of every file that decides what a job computes, by name and content; how jobs are launched
    does not."""
    found = hashlib.sha256()
    for folder in folders:
        found_here = {file for pattern in CODE for file in folder.rglob(pattern)}
        files = {file for file in found_here if "launcher" not in file.parts}
        for file in sorted(files):
            name = file.relative_to(folder.parent).as_posix()
            found.update(digest([name]).encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:10]


def digest(content: list[str]) -> str:
    """A short name for a list of texts."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
