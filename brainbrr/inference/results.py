"""Write what a detector found in one recording, in the formats that other software reads."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from brainbrr import __version__
from brainbrr.atomic_io import atomic_write
from brainbrr.errors import InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.csv_bi import write_csv_bi
from brainbrr.events.edf_annotations import write_edf_annotations
from brainbrr.events.trace import Trace
from brainbrr.events.trace_file import save_trace
from brainbrr.events.tsv import write_tsv
from brainbrr.inference.evidence import Evidence
from brainbrr.inference.recordings import BIDS_DESCRIPTION, RESULT_ENDING, Job

BIDS_VERSION = "1.9.0"


@dataclass(frozen=True)
class Result:
    """What a detector found in one recording.

    Attributes:
        annotation: the events.
        trace: the probability they were found on.
        evidence: one for each event, or empty.
    """

    annotation: Annotation
    trace: Trace
    evidence: tuple[Evidence, ...] = ()


def write_json(result: Result, path: Path) -> None:
    """Write the events as a JSON object with `duration_s`, `start` and a list of `events`, each
    with its evidence if there is any."""
    annotation = result.annotation
    events = [asdict(event) for event in annotation.events]
    for event, evidence in zip(events, result.evidence, strict=False):
        event["evidence"] = evidence.to_json()
    start = annotation.start.isoformat() if annotation.start else None
    content = {"duration_s": annotation.duration_s, "start": start, "events": events}
    with atomic_write(path) as file:
        json.dump(content, file, allow_nan=False)
        file.write("\n")


WRITERS: dict[str, tuple[str, Callable[[Result, Path], None]]] = {
    "tsv": (".tsv", lambda result, path: write_tsv(result.annotation, path)),
    "csv_bi": (".csv_bi", lambda result, path: write_csv_bi(result.annotation, path)),
    "edf": (".edf", lambda result, path: write_edf_annotations(result.annotation, path)),
    "json": (".json", write_json),
}
"""Suffix and writer of each output format; the name is the recording's with `_events`."""


def check_formats(formats: Iterable[str]) -> list[str]:
    """Return the formats as a list; one name stands for a list of one.

    Raises:
        InvalidOption: one is not in `WRITERS`.
    """
    formats = [formats] if isinstance(formats, str) else list(formats)
    for name in formats:
        if name not in WRITERS:
            raise InvalidOption(f"formats among {', '.join(WRITERS)}", name, "Correct format=.")
    return formats


def result_files(job: Job, formats: Iterable[str], *, traces: bool) -> list[Path]:
    """Return the files that a recording's results will be in."""
    files = [job.target.with_name(job.target.name + WRITERS[name][0]) for name in formats]
    trace = _trace_path(job)
    return files + ([trace, trace.with_suffix(".json")] if traces else [])


def write_result(result: Result, job: Job, formats: Iterable[str], *, traces: bool) -> None:
    """Write the files of `result_files`, all or none of them."""
    try:
        if traces:
            save_trace(result.trace, _trace_path(job))
        for name in formats:
            suffix, write = WRITERS[name]
            write(result, job.target.with_name(job.target.name + suffix))
    except BaseException:
        for file in result_files(job, formats, traces=traces):
            file.unlink(missing_ok=True)
        raise


def write_bids_description(output: Path, source: Path) -> None:
    """Describe a folder as a BIDS derivative of a dataset, and what made it."""
    name = json.loads((source / BIDS_DESCRIPTION).read_text(encoding="utf-8")).get("Name", "")
    description = {
        "Name": f"Seizure events in {name}".strip(),
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "brainbrr", "Version": __version__}],
    }
    with atomic_write(output / BIDS_DESCRIPTION) as file:
        json.dump(description, file, indent=1)
        file.write("\n")


def _trace_path(job: Job) -> Path:
    return job.target.with_name(job.target.name.removesuffix(RESULT_ENDING) + "_trace.npy")
