"""The manifest: one JSON row for each prepared recording, and the quarantine beside it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.intervals import Intervals, as_intervals


class UnreadableManifest(BrainbrrError):
    """A manifest row that this version cannot read."""


@dataclass(frozen=True)
class ManifestRow:
    """What is known of one prepared recording; nothing in it comes from a header's names, dates or
    free text.

    Attributes:
        recording_id: unique within the corpus, e.g. `sub-01_ses-01_task-szMonitoring_run-00`.
        split: `train`, `val`, `test` (TUSZ: `train`, `dev`, `eval`), or `` where none is assigned
            yet.
        source: path of the recording relative to the corpus root.
        duration_s: seconds on the clock at the cache's rate: `cached samples / rate`.
        observed: one boolean an electrode: recorded or interpolated (True), or absent (False).
        interpolated: names of the electrodes that were interpolated.
        reference: what the source was recorded against (`average`, `linked_ears`, `common`,
            `bipolar`, ...).
        mains_hz: mains frequency that was notched, or None.
        gaps: `[[onset_s, offset_s], ...]` without signal.
        bad_spans: `[[electrode, onset_s, offset_s, reason], ...]`.
        center_uv, scale_uv: robust centre and scale of each electrode in microvolts, applied at
            load.
        events: `[[onset_s, duration_s, type], ...]`, or None where the recording is unlabelled.
        cache_file: file name inside the cache folder.
        preparation_digest: of all numbers that shaped the cached signal.
    """

    recording_id: str
    corpus: str
    subject: str
    session: str
    split: str
    source: str
    source_sha256: str
    duration_s: float
    source_rate_hz: float
    source_channels: list[str]
    observed: list[bool]
    interpolated: list[str]
    reference: str
    mains_hz: float | None
    gaps: list[list[float]]
    bad_spans: list[list[Any]]
    center_uv: list[float]
    scale_uv: list[float]
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
    """Rows of a `manifest.jsonl`, in file order.

    Raises:
        UnreadableManifest: a line is not JSON, or its keys are not those of `ManifestRow`.
    """
    rows = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(ManifestRow(**json.loads(line)))
        except (json.JSONDecodeError, TypeError) as error:
            raise UnreadableManifest(
                f"a JSON object with the keys {', '.join(f.name for f in fields(ManifestRow))}",
                f"{path}, line {number}: {error}",
                "Prepare the corpus again: brainbrr prepare prepare.rebuild=true.",
            ) from error
    return rows


def write_manifest(rows: Iterable[ManifestRow], path: str | Path) -> None:
    """Write rows sorted by recording, whole or not at all."""
    with atomic_write(path) as file:
        for row in sorted(rows, key=lambda row: row.recording_id):
            file.write(json.dumps(asdict(row)) + "\n")
