"""Any folder of recordings: labels from files next to them, their own annotations, or none."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from brainbrr.data.corpora.layouts import bids, tusz
from brainbrr.data.corpora.layouts.source import (
    Labels,
    Source,
    UnreadableLabels,
    UnreadableSource,
)
from brainbrr.data.recordings.mne_reader import FOREIGN_SUFFIXES
from brainbrr.data.recordings.read import EDF_SUFFIXES, open_recording
from brainbrr.errors import InvalidOption
from brainbrr.events.codes import seizure_code
from brainbrr.events.event import Event

SUFFIXES = (".edf.gz", ".bdf.gz", *sorted(EDF_SUFFIXES | (FOREIGN_SUFFIXES - {".mff"})))
"""Files alone: an EGI `.mff` is a folder."""
ANNOTATIONS = ("ignore", "positive", "complete")


def find_recordings(
    root: Path, *, subject: str = r"[^/_]+", annotations: str = "positive"
) -> Iterator[Source]:
    """List every recording below `root`, named after its path.

    Labels come from the first of `NAME_events.tsv`, `NAME.tsv` (BIDS columns), `NAME.csv_bi` (TUSZ
    columns) that exists, otherwise from the recording's own annotations.

    Args:
        subject: regular expression that finds the subject at the beginning of the path below
            `root`; by default what stands before the first `/` or `_`. Recordings of one person
            must give one subject.
        annotations: how a recording's own annotations are used. `ignore`: not at all. `positive`: a
            recording that names a seizure is labelled, any other one is unlabelled. `complete`:
            every seizure is known to be annotated; a recording that names none is labelled as free
            of seizures.

    Raises:
        InvalidOption: another word for `annotations`, or a file name in which the pattern finds no
            subject.
    """
    if annotations not in ANNOTATIONS:
        raise InvalidOption(
            f"annotations among {', '.join(ANNOTATIONS)}", annotations, "Set data.find.annotations."
        )
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
        if suffix == ".eeg" and path.with_suffix(".vhdr").exists():
            continue  # BrainVision's samples, listed under their header
        if suffix is None or path.is_dir() or any(part.startswith(".") for part in inside.parts):
            continue
        stem = inside.as_posix()[: -len(suffix)]
        match = re.match(subject, stem)
        if match is None:
            raise InvalidOption(
                f"a subject matching {subject}", inside.as_posix(), "Set data.find.subject."
            )
        source = Source(stem.replace("/", "__"), path, match[0])
        yield source.labelled(partial(_labels, path, path.name[: -len(suffix)], annotations))


def _labels(path: Path, stem: str, annotations: str) -> Labels:
    try:
        for ending, read in (
            ("_events.tsv", bids.read_events),
            (".tsv", bids.read_events),
            (".csv_bi", tusz.read_labels),
        ):
            table = path.with_name(stem + ending)
            if table.is_file():
                return read(table)
        seizures = () if annotations == "ignore" else tuple(_seizures(path))
    except OSError as error:
        raise UnreadableSource(
            "a recording that can be opened", f"{type(error).__name__}", "Grant access to it."
        ) from error
    return (seizures if seizures or annotations == "complete" else None), None


def _seizures(path: Path) -> Iterator[Event]:
    recording = open_recording(path)
    for event in recording.events:
        code = seizure_code(event.event_type)
        if code is None:
            continue
        # An annotation without a duration is read as one sample long.
        if event.duration_s < 1.5 / recording.rate_hz:
            raise UnreadableLabels(
                "an annotation with a duration for each seizure",
                f"a seizure at {event.onset_s:g} s without one",
                "Write the labels to a NAME_events.tsv next to the recording.",
            )
        yield Event(event.onset_s, event.duration_s, code)
