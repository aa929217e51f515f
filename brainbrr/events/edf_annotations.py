"""Events as EDF+ annotations, for viewers and for exchange (EDF+ standard, section 2.2)."""

from __future__ import annotations

import datetime as dt
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brainbrr.atomic_io import atomic_write
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.codes import event_code, names_seizure
from brainbrr.events.event import Event
from brainbrr.events.intervals import to_mask

if TYPE_CHECKING:
    import edfio

# Spans the recording: EDF counts whole data records, so the exact length is an annotation of its
# own.
RECORDING = "recording"
ANNOTATION_LABEL = b"EDF Annotations"


class UnreadableEdfAnnotations(BrainbrrError):
    """An EDF file without annotations that can be read."""


def write_edf_annotations(annotation: Annotation, path: str | Path) -> None:
    """Write an EDF+C file with one annotation an event, named by its HED-SCORE code.

    A 1 Hz trace `seizure`, 1 inside seizures, goes with them: viewers and MNE open files with a
    signal, not all open those without. Confidence and channels have no place in the format.
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
                edfio.EdfAnnotation(round(one.onset_s, 6), round(one.duration_s, 6), one.event_type)
                for one in annotation.events
            ),
        ],
    )
    content = io.BytesIO()
    edf.write(content)
    with atomic_write(path, "wb") as file:
        file.write(content.getvalue())


def read_edf_annotations(path: str | Path, duration_s: float | None = None) -> Annotation:
    """Read the annotations of an EDF+ file; those without a duration mark no stretch of time and
    are left out.

    Args:
        duration_s: length of the recording where no annotation `recording` tells it; else the
            file's own length, which counts whole data records.

    Raises:
        UnreadableEdfAnnotations: not an EDF file, one without annotations, or a seizure
            without a duration.
    """
    import edfio

    try:
        _require_annotation_signal(Path(path))
        edf = edfio.read_edf(path)
        annotations = edf.annotations
        length_s = float(edf.duration) if duration_s is None else duration_s
        start = _start(edf)
    except (OSError, ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise UnreadableEdfAnnotations(
            "an EDF+ file with annotations", f"{path}: {error}", "Check the file."
        ) from error
    events = []
    for one in annotations:
        if one.text == RECORDING:
            length_s = float(one.duration or length_s)
        elif one.duration:
            events.append(Event(float(one.onset), float(one.duration), event_code(one.text)))
        elif names_seizure(event_code(one.text)):
            raise UnreadableEdfAnnotations(
                "seizures with a duration", f"{path}: one at {one.onset} s without", "Add it."
            )
    return Annotation(tuple(events), length_s, start)


def _require_annotation_signal(path: Path) -> None:
    """Refuse a recording without annotations: no annotations are not the same as no seizures."""
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
