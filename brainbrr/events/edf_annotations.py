"""Events as EDF+ annotations, for viewers and for exchange (EDF+ standard, section 2.2)."""

from __future__ import annotations

import datetime as dt
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import InvalidFile
from brainbrr.events.annotation import Annotation
from brainbrr.events.codes import event_code, names_seizure
from brainbrr.events.event import Event
from brainbrr.events.intervals import to_mask

if TYPE_CHECKING:
    import edfio

RECORDING = "recording"
"""Annotation that spans the recording: EDF counts complete data records, not the exact length."""
ANNOTATION_LABEL = b"EDF Annotations"


def write_edf_annotations(annotation: Annotation, path: str | Path) -> None:
    """Write an EDF+C file with one annotation per event, named by its HED-SCORE code.

    It includes a 1 Hz signal `seizure`, 1 inside seizures, because not all viewers open a file
    without a signal. The format cannot hold confidence and channels.
    """
    import edfio

    n_samples = max(math.ceil(annotation.duration_s), 1)
    mask = to_mask(annotation.seizure_intervals, n_samples, 1.0).astype(np.float64)
    start = annotation.start
    edf = edfio.Edf(
        [edfio.EdfSignal(mask, 1.0, label="seizure", physical_range=(0, 1))],
        recording=edfio.Recording(startdate=start.date()) if start else None,
        starttime=start.time() if start else None,
        annotations=[
            edfio.EdfAnnotation(0.0, round(annotation.duration_s, 6), RECORDING),
            *(
                edfio.EdfAnnotation(round(e.onset_s, 6), round(e.duration_s, 6), e.event_type)
                for e in annotation.events
            ),
        ],
    )
    content = io.BytesIO()
    edf.write(content)
    with atomic_write(path, "wb") as file:
        file.write(content.getvalue())


def read_edf_annotations(path: str | Path, duration_s: float | None = None) -> Annotation:
    """Read the annotations of an EDF+ file; those without a duration are left out.

    Args:
        duration_s: length of the recording if no annotation `recording` states it; by default the
            file's own length, which counts complete data records.

    Raises:
        InvalidFile: not an EDF file, one without annotations, or a seizure without a duration.
    """
    import edfio

    try:
        _require_annotation_signal(Path(path))
        edf = edfio.read_edf(path)
        annotations = edf.annotations
        length_s = float(edf.duration) if duration_s is None else duration_s
        start = _start(edf)
    except (OSError, ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise InvalidFile(
            "an EDF+ file with annotations", f"{path}: {error}", "Check the file."
        ) from error
    events = []
    for note in annotations:
        if note.text == RECORDING:
            length_s = float(note.duration or length_s)
        elif note.duration:
            events.append(Event(float(note.onset), float(note.duration), event_code(note.text)))
        elif names_seizure(event_code(note.text)):
            raise InvalidFile(
                "seizures with a duration", f"{path}: one at {note.onset} s without", "Add it."
            )
    return Annotation(tuple(events), length_s, start)


def _require_annotation_signal(path: Path) -> None:
    """Refuse a file without annotations: it is not the same as one without seizures."""
    with path.open("rb") as file:
        header = file.read(256)
        labels = file.read(16 * int(header[252:256]))
    if ANNOTATION_LABEL not in labels:
        raise ValueError("no signal named EDF Annotations")


def _start(edf: edfio.Edf) -> dt.datetime | None:
    import edfio

    try:
        return dt.datetime.combine(edf.startdate, edf.starttime)
    except (edfio.AnonymizedDateError, ValueError):
        return None
