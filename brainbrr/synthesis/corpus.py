"""Make a synthetic corpus in BIDS-EEG layout: in parallel, resumable, byte-identical."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import brainbrr
from brainbrr.atomic_io import atomic_write
from brainbrr.errors import InUse
from brainbrr.pool import each_in_pool
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis.files import named, write_json, write_recording
from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.recording import make_recording
from brainbrr.synthesis.subject import Subject, draw_subjects

RECORD = "synthesis.json"
_ENDINGS = ("eeg.edf", "eeg.json", "channels.tsv", "events.tsv")
_RECIPE = 1
"""Incremented when the same parameters give other bytes."""

Job = tuple[SynthesisParameters, Subject, int, Path]


def synthesize_corpus(
    output: str | Path,
    parameters: SynthesisParameters,
    *,
    workers: int = 1,
    on_recording: Callable[[Path, int, int], None] | None = None,
) -> tuple[Path, ...]:
    """Make a corpus of synthetic EEG with planted seizures; existing recordings are kept.

    Args:
        output: folder of the corpus: new, empty, or one that was made with the same parameters
            (then only what is missing is made).
        workers: processes; the bytes do not depend on their number.
        on_recording: called after each recording with its EDF, the number done, and the total.

    Returns:
        the EDF of every recording, by subject and run.

    Raises:
        InUse: `output` was made with other parameters, or holds anything else.
    """
    output = Path(output)
    subjects = draw_subjects(parameters)
    _identify(output, parameters)
    _describe(output, subjects)
    jobs = [
        (parameters, subject, run, _stem(output, subject, run))
        for subject in subjects
        for run in range(parameters.recordings_of(subject.split))
    ]
    missing = [job for job in jobs if not _complete(job[3])]
    done = len(jobs) - len(missing)
    for _, stem in each_in_pool(_make, missing, workers):
        done += 1
        if on_recording is not None:
            on_recording(named(stem, "eeg.edf"), done, len(jobs))
    return tuple(named(job[3], "eeg.edf") for job in jobs)


def _identify(output: Path, parameters: SynthesisParameters) -> None:
    """Write the recipe before anything else is in the folder, or check that it is the same."""
    recipe = {"recipe": _RECIPE, "parameters": asdict(parameters)}
    recipe = json.loads(json.dumps(recipe))
    record = output / RECORD
    if record.is_file():
        stored = json.loads(record.read_text(encoding="utf-8"))
        if stored != recipe:
            raise InUse(
                f"a corpus made with the given parameters in {output}",
                f"one made with {_difference(stored, recipe)}",
                "Choose another output folder, or remove that one first.",
            )
        return
    if output.is_dir() and any(output.iterdir()):
        raise InUse(
            "a new or empty output folder",
            f"{output} with {next(output.iterdir()).name} and no {RECORD}",
            "Choose another output folder.",
        )
    write_json(recipe, record)


def _difference(stored: dict[str, Any], wanted: dict[str, Any]) -> str:
    """List the values of `stored` that differ, by name."""
    if stored.get("recipe") != wanted["recipe"]:
        return f"another version of the recipe ({stored.get('recipe')}, not {wanted['recipe']})"
    others = stored.get("parameters", {})
    return ", ".join(
        f"{name}={others.get(name)}"
        for name, value in wanted["parameters"].items()
        if others.get(name) != value
    )


def _describe(output: Path, subjects: Iterable[Subject]) -> None:
    """Write `dataset_description.json` and `participants.tsv` if they are missing."""
    description = {
        "Name": "Synthetic scalp EEG with planted seizures",
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "License": "CC0",
        "GeneratedBy": [{"Name": "brainbrr synthesize", "Version": brainbrr.__version__}],
    }
    if not (output / "dataset_description.json").is_file():
        write_json(description, output / "dataset_description.json")
    if (output / "participants.tsv").is_file():
        return
    with atomic_write(output / "participants.tsv") as file:
        file.write("participant_id\tsplit\tage\tsex\trate_hz\tmontage\tmains_hz\tonset_electrode\n")
        for subject in subjects:
            focus = ELECTRODES[subject.semiology.focus]
            row = (subject.participant_id, subject.split, subject.age, subject.sex,
                   subject.rate_hz, subject.montage, f"{subject.mains_hz:g}", focus)  # fmt: skip
            file.write("\t".join(map(str, row)) + "\n")


def _stem(output: Path, subject: Subject, run: int) -> Path:
    name = f"{subject.participant_id}_ses-01_task-szMonitoring_run-{run:02d}"
    return output / subject.participant_id / "ses-01" / "eeg" / name


def _complete(stem: Path) -> bool:
    return all(named(stem, ending).is_file() for ending in _ENDINGS)


def _make(job: Job) -> Path:
    parameters, subject, run, stem = job
    recording = make_recording(parameters, subject, run)
    write_recording(recording, stem, subject.participant_id, subject.mains_hz, subject.montage)
    return stem
