"""What a folder of predictions holds and which detector made it, so that a killed run resumes."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from brainbrr.data.corpora.cache import FileStat
from brainbrr.errors import InUse
from brainbrr.inference.recordings import Job

LEDGER = "predictions.jsonl"
_TILINGS = {"encode_once": "long"}
"""Tilings by the names that older ledgers have for them."""


class Ledger:
    """`predictions.jsonl`: what made the results, then a row when a recording is begun and one when
    it ends, under the name of its results; it holds no path of a source.

    Args:
        output: the folder of results.
        maker: what decides the results: the detector's identity and settings, plain values.
        overwrite: start again if another maker's results lie there; their files may be replaced.

    Raises:
        InUse: another maker's results lie there.
    """

    def __init__(self, output: Path, maker: dict[str, Any], *, overwrite: bool = False) -> None:
        self._path = output / LEDGER
        self._output = output
        self._done: dict[str, dict[str, Any]] = {}
        self._ours: set[str] = set()
        self._writing = Lock()
        self._end_torn_row()
        previous = None
        for row in _rows(self._path):
            if "maker" in row:
                previous, self._done = _maker(row["maker"]), {}
            elif row["state"] == "done":
                self._done[row["recording"]] = row
            else:
                self._ours.update(row.get("files", ()))
        maker = _maker(maker)
        if previous is not None and previous != maker and not overwrite:
            changed = sorted(key for key in maker | previous if maker.get(key) != previous.get(key))
            raise InUse(
                f"results of the same detector and settings in {output}",
                f"another {', '.join(changed)}",
                "Choose another output=, or replace those results with overwrite=true.",
            )
        if previous != maker or overwrite:
            self._done = {}
            self._append({"maker": maker})

    def is_done(self, job: Job, files: Sequence[Path]) -> bool:
        """Return whether this recording, unchanged, has all these results already."""
        row = self._done.get(self._name(job.target))
        return (
            row is not None
            and row["stamp"] == _stamp(job)
            and set(row["files"]) >= set(map(self._name, files))
            and all(file.exists() for file in files)
        )

    def begin(self, job: Job, files: Sequence[Path]) -> None:
        """Reserve the files of a recording before the first is written.

        Raises:
            InUse: one exists that no run into this folder began.
        """
        names = [self._name(file) for file in files]
        for name, file in zip(names, files, strict=True):
            if file.exists() and name not in self._ours:
                raise InUse(
                    "an output folder containing only files written by brainbrr",
                    f"{file}, which no run into it wrote",
                    "Choose another output=.",
                )
        self._ours.update(names)
        self._append({"recording": self._name(job.target), "state": "begun", "files": names})

    def end(self, job: Job, files: Sequence[Path], **facts: Any) -> None:
        """Record that all results of a recording are written."""
        names = [self._name(file) for file in files]
        row = {"recording": self._name(job.target), "state": "done", "stamp": _stamp(job)}
        self._append({**row, "files": names, **facts})

    def fail(self, job: Job, error: Exception) -> None:
        """Record that a recording was refused, by the refusal's name alone."""
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
        """Terminate a row cut short by a kill, so that it corrupts no other."""
        if self._path.exists() and not self._path.read_bytes().endswith(b"\n"):
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n")


def _maker(values: dict[str, Any]) -> dict[str, Any]:
    """Return a maker as this version writes it, whichever version wrote it."""
    tiling = values.get("tiling", values.get("reading", "windows"))
    others = {key: value for key, value in values.items() if key not in {"tiling", "reading"}}
    return {**others, "tiling": _TILINGS.get(tiling, tiling)}


def _rows(path: Path) -> list[dict[str, Any]]:
    """Read the complete rows of a ledger."""
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
