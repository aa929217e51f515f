"""The manifest: one JSON row per prepared recording."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.atomic_io import atomic_write
from brainbrr.data.preparation.preparation import PreparedSignal
from brainbrr.errors import InvalidFile
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals

KEYS = (
    "recording_id", "corpus", "subject", "session", "split", "source", "source_sha256",
    "duration_s", "source_rate_hz", "source_channels", "observed", "interpolated", "reference",
    "mains_hz", "gaps", "bad_spans", "center_uv", "scale_uv", "events", "cache_file",
    "cache_sha256", "preparation_digest",
)  # fmt: skip
"""Keys of a row in the order in which they are written."""


@dataclass(frozen=True, kw_only=True)
class ManifestRow(PreparedSignal):
    """One prepared recording with its labels; no name, date or free text of a header is in it.

    Attributes:
        recording_id: unique within the corpus, e.g. `sub-01_ses-01_task-szMonitoring_run-00`.
        split: `train`, `val`, `test` (TUSZ: `train`, `dev`, `eval`), or `` if none is assigned.
        source: path of the recording relative to the corpus root.
        events: `[[onset_s, duration_s, type], ...]`, or None if the recording is unlabelled.
        cache_file: file name inside the cache folder.
        preparation_digest: of all options that shaped the cached signal.
    """

    recording_id: str
    corpus: str
    subject: str
    session: str
    split: str
    source: str
    source_sha256: str
    events: list[list[Any]] | None
    cache_file: str
    cache_sha256: str
    preparation_digest: str

    @property
    def annotation(self) -> Annotation:
        """The recording's events; an unlabelled recording has none."""
        events = tuple(
            Event(float(on), float(long), str(kind)) for on, long, kind in self.events or ()
        )
        return Annotation(events, self.duration_s)

    @property
    def gap_intervals(self) -> Intervals:
        """`(n, 2)` seconds."""
        return as_intervals(self.gaps)

    @property
    def observed_mask(self) -> NDArray[np.bool_]:
        """Shape `(electrodes,)`."""
        return np.asarray(self.observed, dtype=bool)


def read_manifest(path: str | Path) -> list[ManifestRow]:
    """Read the rows of a `manifest.jsonl`, in file order.

    Raises:
        InvalidFile: a line is not JSON, or its keys are not those of `ManifestRow`.
    """
    rows = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(ManifestRow(**json.loads(line)))
        except (json.JSONDecodeError, TypeError) as error:
            raise InvalidFile(
                f"a JSON object with the keys {', '.join(KEYS)}",
                f"{path}, line {number}: {error}",
                "Prepare the corpus again: brainbrr prepare prepare.rebuild=true.",
            ) from error
    return rows


def write_manifest(rows: Iterable[ManifestRow], path: str | Path) -> None:
    """Write rows sorted by recording, atomically."""
    with atomic_write(path) as file:
        for row in sorted(rows, key=lambda row: row.recording_id):
            file.write(json.dumps({key: getattr(row, key) for key in KEYS}) + "\n")
