"""One job of a sweep: what it runs, by which key it is known, what it costs, how it ended."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from brainbrr.sweeps.modal.ledger import Record

LOCAL_ONLY = ("sweep.", "dry_run=", "run_dir=", "output=", "hydra.", "hydra/")
"""Overrides that steer the sweep from here, or name a path here, and mean nothing to a job."""
CODE = ("*.py", "*.c", "*.h", "*.yaml", "*.json")


@dataclass(frozen=True)
class JobSpec:
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
    def work(self) -> str:
        """Digest of command and overrides, in any order."""
        return digest([self.command, *sorted(self.overrides)])

    @property
    def key(self) -> str:
        """Name of the job in the ledger and of its run folder."""
        return f"{self.work}-{self.code}"


@dataclass(frozen=True)
class CallResult:
    """How a call ended.

    Attributes:
        state: a name of `brainbrr.sweeps.outcome.State`, or `duplicate`.
        seconds: of a container's time, over all its attempts.
        detail: the last lines of output, or the error.
        call_id: of the call that has the job, if this one was a duplicate.
        files: small files of the run folder, by name.
        left_out: files of the run folder that were too large.
    """

    state: str
    seconds: float = 0.0
    exit_code: int | None = None
    detail: str = ""
    call_id: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepJob:
    """A job on its way.

    Attributes:
        request: what its container gets, except what depends on the attempt.
        usd_per_hour: of the most expensive container it may get.
        record: what the ledger knows.
        result: how it ended; None until it has.
    """

    spec: JobSpec
    request: Mapping[str, Any]
    usd_per_hour: float
    record: Record
    result: CallResult | None = None

    @property
    def state(self) -> str:
        """In one word, for a table."""
        if self.result is not None:
            return self.result.state
        return "running" if self.record.is_open else self.record.state


def job_overrides(overrides: Iterable[str]) -> tuple[str, ...]:
    """Return those overrides of a sweep's job that the job itself gets."""
    return tuple(text for text in overrides if not text.lstrip("+~").startswith(LOCAL_ONLY))


def code_digest(folders: Iterable[Path]) -> str:
    """Digest every file that decides what a job computes, by name and content; how jobs are
    launched does not."""
    total = hashlib.sha256()
    for folder in folders:
        files = {file for pattern in CODE for file in folder.rglob(pattern)}
        for file in sorted(file for file in files if "launcher" not in file.parts):
            name = file.relative_to(folder.parent).as_posix()
            total.update(digest([name]).encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:10]


def digest(content: list[str]) -> str:
    """Return a short name for a list of texts."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
