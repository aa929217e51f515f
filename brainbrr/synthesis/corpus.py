"""Make a synthetic corpus in BIDS-EEG layout: in parallel, resumable, byte-identical."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import brainbrr
from brainbrr.atomic_io import atomic_write
from brainbrr.errors import InUse
from brainbrr.events.annotation import MISSING
from brainbrr.pool import each_in_pool
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.synthesis.files import named, write_json, write_recording
from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.plan import Plan
from brainbrr.synthesis.planting import Background, BackgroundEeg, modelled, plant
from brainbrr.synthesis.recording import FIRST_START, SyntheticRecording, annotate, make_recording
from brainbrr.synthesis.subject import Subject, draw_subject, draw_subjects

RECORD = "synthesis.json"
_ENDINGS = ("eeg.edf", "eeg.json", "channels.tsv", "events.tsv")
_RECIPE = 4
"""Incremented when the same parameters give other bytes."""

Read = Callable[[Path], BackgroundEeg]


@dataclass(frozen=True)
class Job:
    """One recording to make: of a synthetic subject, or from a real background.

    Attributes:
        planted: whether anything is planted into the background.
    """

    parameters: SynthesisParameters
    subject: Subject
    run: int
    stem: Path
    background: Background | None = None
    read: Read | None = None
    planted: bool = True


def synthesize_corpus(
    output: str | Path,
    parameters: SynthesisParameters,
    *,
    backgrounds: Sequence[Background] = (),
    read: Read | None = None,
    workers: int = 1,
    on_recording: Callable[[Path, int, int], None] | None = None,
) -> tuple[Path, ...]:
    """Make a corpus of EEG with planted seizures; existing recordings are kept.

    Args:
        output: folder of the corpus: new, empty, or one that was made with the same parameters
            (then only what is missing is made).
        backgrounds: real recordings without seizures. Each gives one recording as it is and
            `parameters.plantings` with planted seizures; its subject follows the synthetic ones.
        read: reads a background; importable by name.
        workers: processes; the bytes do not depend on their number.
        on_recording: called after each recording with its EDF, the number done, and the total.

    Returns:
        the EDF of every recording, by subject and run.

    Raises:
        InUse: `output` was made with other parameters, or holds anything else.
    """
    output = Path(output)
    subjects = draw_subjects(parameters)
    people = _people(parameters, backgrounds, len(subjects))
    _identify(output, parameters, backgrounds)
    _describe(output, subjects, people)
    jobs = [
        Job(parameters, subject, run, _stem(output, subject, run))
        for subject in subjects
        for run in range(parameters.recordings_of(subject.split))
    ]
    for person, files in people:
        runs = [(file, copy > 0) for file in files for copy in range(parameters.plantings + 1)]
        jobs += [
            Job(parameters, person, run, _stem(output, person, run), file, read, planted)
            for run, (file, planted) in enumerate(runs)
        ]
    missing = [job for job in jobs if not _complete(job.stem)]
    done = len(jobs) - len(missing)
    for job, _ in each_in_pool(_make, missing, workers):
        done += 1
        if on_recording is not None:
            on_recording(named(job.stem, "eeg.edf"), done, len(jobs))
    return tuple(named(job.stem, "eeg.edf") for job in jobs)


def _people(
    parameters: SynthesisParameters, backgrounds: Sequence[Background], first: int
) -> tuple[tuple[Subject, list[Background]], ...]:
    """Draw a subject, numbered from `first`, for each person among the backgrounds."""
    files: dict[tuple[str, str], list[Background]] = {}
    for background in backgrounds:
        files.setdefault((background.subject, background.split), []).append(background)
    return tuple(
        (
            draw_subject(np.random.default_rng([parameters.seed, index]), parameters, index, split),
            files[person, split],
        )
        for index, (person, split) in enumerate(sorted(files), first)
    )


def _identify(
    output: Path, parameters: SynthesisParameters, backgrounds: Sequence[Background]
) -> None:
    """Write the recipe before anything else is in the folder, or check that it is the same."""
    sources = {each.source: f"{each.subject}, {each.split}" for each in backgrounds}
    values = asdict(parameters) | ({"backgrounds": sources} if sources else {})
    recipe = {"recipe": _RECIPE, "parameters": values}
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
    others, values = stored.get("parameters", {}), wanted["parameters"]
    return ", ".join(
        f"{name}={others.get(name)}"
        for name in others | values
        if others.get(name) != values.get(name)
    )


def _describe(
    output: Path,
    subjects: Iterable[Subject],
    people: Iterable[tuple[Subject, list[Background]]],
) -> None:
    """Write `dataset_description.json` and `participants.tsv` if they are missing."""
    real = {"SourceDatasets": [{"URL": "n/a"}]} if people else {"License": "CC0"}
    description = {
        "Name": "Scalp EEG with planted seizures",
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        **real,
        "GeneratedBy": [{"Name": "brainbrr synthesize", "Version": brainbrr.__version__}],
    }
    if not (output / "dataset_description.json").is_file():
        write_json(description, output / "dataset_description.json")
    if (output / "participants.tsv").is_file():
        return
    with atomic_write(output / "participants.tsv") as file:
        columns = ("participant_id", "split", "population", "age", "sex", "rate_hz", "montage",
                   "mains_hz", "difficulty", "onset_electrode", "background")  # fmt: skip
        file.write("\t".join(columns) + "\n")
        for subject, background in [
            *((subject, MISSING) for subject in subjects),
            *((person, files[0].subject) for person, files in people),
        ]:
            drawn: tuple[object, ...] = (
                subject.population, subject.age, subject.sex, subject.rate_hz, subject.montage,
                f"{subject.mains_hz:g}",
            )  # fmt: skip
            if background != MISSING:
                drawn = ("real", *[MISSING] * 5)
            row = (subject.participant_id, subject.split, *drawn, f"{subject.difficulty:g}",
                   ELECTRODES[subject.semiology.focus], background)  # fmt: skip
            file.write("\t".join(map(str, row)) + "\n")


def _stem(output: Path, subject: Subject, run: int) -> Path:
    name = f"{subject.participant_id}_ses-01_task-szMonitoring_run-{run:02d}"
    return output / subject.participant_id / "ses-01" / "eeg" / name


def _complete(stem: Path) -> bool:
    return all(named(stem, ending).is_file() for ending in _ENDINGS)


def _make(job: Job) -> None:
    subject = job.subject
    if job.background is None:
        recording = make_recording(job.parameters, subject, job.run)
        write_recording(
            recording, job.stem, subject.participant_id, subject.mains_hz, subject.montage
        )
        return
    assert job.read is not None
    generator = np.random.default_rng([job.parameters.seed, subject.index, job.run])
    eeg, plan = job.read(job.background.path), Plan((), ())
    if job.planted:
        eeg, plan = plant(generator, eeg, job.parameters, subject)
    else:
        eeg, _ = modelled(eeg)
    duration_s = float(round(eeg.signals_uv.shape[1] / eeg.rate_hz))
    annotation, classes = annotate(plan, duration_s, subject.semiology.focus, FIRST_START)
    recording = SyntheticRecording(
        eeg.signals_uv, eeg.labels, round(eeg.rate_hz), annotation, classes
    )
    write_recording(recording, job.stem, subject.participant_id, None, "n/a")
