"""Many recordings annotated one after the other, into a tree that mirrors the input's."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from brainbrr.durable import open_durable
from brainbrr.errors import BrainbrrError
from brainbrr.events.annotation import Annotation
from brainbrr.events.csv_bi import write_csv_bi
from brainbrr.events.edf_annotations import write_edf_annotations
from brainbrr.events.trace import Trace
from brainbrr.events.trace_file import save_trace
from brainbrr.events.tsv import write_tsv
from brainbrr.inference.detector import Detector

log = logging.getLogger(__name__)

RECORDING_SUFFIXES = {".edf", ".bdf", ".vhdr", ".set", ".fif", ".eeg"}


class NoRecordings(BrainbrrError):
    """The input names no recording."""


class UnknownFormat(BrainbrrError):
    """An output format that is not offered."""


class RecordingsFailed(BrainbrrError):
    """Some recordings could not be annotated; the others were."""


def write_json(annotation: Annotation, path: str | Path) -> None:
    """The events as a JSON object with `duration_s`, `start` and a list of `events`."""
    start = annotation.start.isoformat() if annotation.start else None
    events = [asdict(event) for event in annotation.events]
    with open_durable(path) as file:
        json.dump({"duration_s": annotation.duration_s, "start": start, "events": events}, file)
        file.write("\n")


WRITERS: dict[str, tuple[str, Callable[[Annotation, Path], None]]] = {
    "tsv": (".tsv", write_tsv),
    "csv_bi": (".csv_bi", write_csv_bi),
    "edf": (".edf", write_edf_annotations),
    "json": (".json", write_json),
}
"""Suffix and writer of each output format; the name is the recording's with `_events`."""


@dataclass(frozen=True)
class Job:
    """One recording and where its results go.

    Attributes:
        source: the recording.
        target: results' path without suffix, e.g. `out/sub-01/.../sub-01_..._events`.
    """

    source: Path
    target: Path


def find_jobs(source: str | Path, output: str | Path) -> list[Job]:
    """The recordings a path, folder or glob pattern names, sorted, with their mirrored targets.

    Raises:
        NoRecordings: nothing there is a recording.
    """
    source, output = Path(source), Path(output)
    if source.is_file():
        found, root = [source], source.parent
    elif source.is_dir():
        found, root = [file for file in source.rglob("*") if _is_recording(file)], source
    else:
        parts = source.parts
        fixed = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
        root = Path(*parts[:fixed]) if fixed else Path()
        pattern = str(Path(*parts[fixed:])) if fixed < len(parts) else None
        found = [file for file in root.glob(pattern) if file.is_file()] if pattern else []
    if not found:
        suffixes = " ".join(sorted(RECORDING_SUFFIXES))
        raise NoRecordings(
            f"a recording, or a folder or pattern with some ({suffixes})",
            f"{source} with none" if source.exists() else f"{source}, which does not exist",
            "Name an existing file or folder with input=.",
        )
    return [
        Job(file, output / file.relative_to(root).parent / _stem(file)) for file in sorted(found)
    ]


def _is_recording(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in RECORDING_SUFFIXES


def _stem(file: Path) -> str:
    return file.stem.removesuffix("_eeg") + "_events"


def check_formats(formats: Iterable[str]) -> list[str]:
    """The formats as a list.

    Raises:
        UnknownFormat: one is not in `WRITERS`.
    """
    formats = list(formats)
    for name in formats:
        if name not in WRITERS:
            raise UnknownFormat(f"formats among {', '.join(WRITERS)}", name, "Correct format=.")
    return formats


def annotate_all(
    detector: Detector, jobs: Iterable[Job], formats: list[str], *, save_traces: bool
) -> Iterator[tuple[Job, Trace | None, BrainbrrError | None]]:
    """Annotate recordings one by one; what is already written is left alone.

    Yields:
        each job with its trace (None where it was done before) and the refusal, if any.
    """
    for job in jobs:
        try:
            yield job, _annotate_one(detector, job, formats, save_traces), None
        except BrainbrrError as error:
            log.warning("%s: %s", job.source.name, error)
            yield job, None, error


def _annotate_one(
    detector: Detector, job: Job, formats: list[str], save_traces: bool
) -> Trace | None:
    targets = {name: job.target.with_name(job.target.name + WRITERS[name][0]) for name in formats}
    missing = {name: path for name, path in targets.items() if not path.exists()}
    if not missing:
        return None
    trace = detector.trace(job.source)
    annotation = detector.events(trace)
    if save_traces:
        save_trace(
            trace, job.target.with_name(job.target.name.removesuffix("_events") + "_trace.npy")
        )
    for name, path in missing.items():
        WRITERS[name][1](annotation, path)
    return trace


def with_stride(detector: Detector, stride_s: float | None) -> Detector:
    """The same detector with another stride; None leaves it."""
    if stride_s is None:
        return detector
    return replace(detector, windowing=replace(detector.windowing, stride_s=stride_s))
