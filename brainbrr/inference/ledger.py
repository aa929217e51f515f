"""What a folder of predictions holds and which detector made it, so that a killed run goes on."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from brainbrr.data.corpora.cache import FileStat
from brainbrr.errors import BrainbrrError
from brainbrr.inference.recordings import Job

LEDGER = "predictions.jsonl"


_BEFORE_ITS_CHOICE = {"reading": "windows"}
"""What a maker meant that was written down before there was a choice."""


class OtherDetector(BrainbrrError):
    """An output folder with results of another detector, or of other settings."""


class WouldOverwrite(BrainbrrError):
    """A file in the way that no run into this folder wrote."""


class Ledger:
    """`predictions.jsonl`: what made the results, then a row when a recording is begun and one when
    it ends, under the name its results have; no path of the source is told.

    Args:
        output: the folder of results.
        maker: what decides the results: the detector's identity and settings, plain values.
        overwrite: start anew where another maker's results lie; their files may be replaced.

    Raises:
        OtherDetector: another maker's results lie there.
    """

    def __init__(self, output: Path, maker: dict[str, Any], *, overwrite: bool = False) -> None:
        self._path = output / LEDGER
        self._output = output
        self._done: dict[str, dict[str, Any]] = {}
        self._ours: set[str] = set()
        self._writing = Lock()
        self._end_torn_row()
        former = None
        for row in _rows(self._path):
            if "maker" in row:
                former, self._done = _BEFORE_ITS_CHOICE | row["maker"], {}
            elif row["state"] == "done":
                self._done[row["recording"]] = row
            else:
                self._ours.update(row.get("files", ()))
        maker = _BEFORE_ITS_CHOICE | maker
        if former is not None and former != maker and not overwrite:
            changed = sorted(key for key in maker | former if maker.get(key) != former.get(key))
            raise OtherDetector(
                f"results of the same detector and settings in {output}",
                f"another {', '.join(changed)}",
                "Choose another output=, or replace those results with overwrite=true.",
            )
        if former != maker or overwrite:
            self._done = {}
            self._append({"maker": maker})

    def is_done(self, job: Job, files: Sequence[Path]) -> bool:
        """Whether this recording, unchanged, has all these results already."""
        row = self._done.get(self._name(job.target))
        return (
            row is not None
            and row["stamp"] == _stamp(job)
            and set(row["files"]) >= set(map(self._name, files))
            and all(file.exists() for file in files)
        )

    def begin(self, job: Job, files: Sequence[Path]) -> None:
        """Claim the files of a recording before the first is written.

        Raises:
            WouldOverwrite: one exists that no run into this folder began.
        """
        names = [self._name(file) for file in files]
        for name, file in zip(names, files, strict=True):
            if file.exists() and name not in self._ours:
                raise WouldOverwrite(
                    "an output folder without files of others",
                    f"{file}, which no run into it wrote",
                    "Choose another output=.",
                )
        self._ours.update(names)
        self._append({"recording": self._name(job.target), "state": "begun", "files": names})

    def end(self, job: Job, files: Sequence[Path], **facts: Any) -> None:
        """Say that all results of a recording are written."""
        names = [self._name(file) for file in files]
        row = {"recording": self._name(job.target), "state": "done", "stamp": _stamp(job)}
        self._append({**row, "files": names, **facts})

    def fail(self, job: Job, error: Exception) -> None:
        """Say that a recording was refused, by the refusal's name alone."""
        reason = type(error).__name__
        self._append({"recording": self._name(job.target), "state": "failed", "reason": reason})

    def _name(self, file: Path) -> str:
        return str(file.relative_to(self._output))

    def _append(self, row: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._writing, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _end_torn_row(self) -> None:
        """A row cut short by a kill is ended, so that it spoils no other."""
        if self._path.exists() and not self._path.read_bytes().endswith(b"\n"):
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n")


def _rows(path: Path) -> list[dict[str, Any]]:
    """The whole rows of a ledger."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def _stamp(job: Job) -> list[int]:
    stamp = FileStat.of(job.source)
    return [stamp.size, stamp.mtime_ns]
