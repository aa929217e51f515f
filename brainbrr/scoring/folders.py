"""Two folders of annotations, matched and scored."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from brainbrr.errors import BrainbrrError, InvalidFile, InvalidInput, NotFound
from brainbrr.events.annotation import Annotation
from brainbrr.events.formats import READERS, read_annotation
from brainbrr.scoring.corpus import score_corpus
from brainbrr.scoring.pairing import listed
from brainbrr.scoring.summary import Scores

# Tables next to the events in BIDS, and endings of the file names of a recording.
OTHER_TABLES = ("_channels", "_electrodes", "_scans", "_sessions", "participants")
ENDINGS = ("_events", "_eeg", "_annotations")
SUBJECT = re.compile(
    r"(?:^|[/_])(sub-[^/_]+)|(?:^|/)([a-z]{8})_s\d{3}_t\d{3}$|(?:^|/)(chb\d\d)|(?:^|/)(PN\d\d)-"
)
Track = Callable[[Iterable[str]], Iterable[str]]


def score(
    reference: str | Path,
    hypothesis: str | Path,
    missing: str = "raise",
    *,
    against: str | Path | None = None,
    scorer: Callable[..., Scores] | None = None,
    track: Track | None = None,
) -> Scores:
    """Score a folder of predicted events against a folder of annotated ones.

    Files are matched by their path below the folder, or by their name (without `_events` and `_eeg`
    endings and the suffix). Both sides may hold HED-SCORE TSV, NEDC's CSV_BI or EDF+
    annotations, in BIDS trees or flat.

    Args:
        missing: `raise`, or `empty` to score a missing hypothesis as one without events.
        against: folder of another system's hypotheses, for paired differences on the same patients.
        scorer: `score_corpus` with other settings.
        track: wraps the loop over recordings, for a progress bar.

    Returns:
        the content of `scores.json`.

    Raises:
        NotFound: the reference folder holds no annotation, or a hypothesis is missing.
        InvalidInput: two files of one folder are the same recording, or durations differ.
        InvalidFile: a hypothesis cannot be read; `missing` does not cover it.
    """
    references = read_references(Path(reference), track)
    hypotheses, unreferenced = read_hypotheses(references, Path(hypothesis), track)
    scores = (scorer or score_corpus)(
        references,
        hypotheses,
        subjects={name: subject_of(name) for name in references},
        missing=missing,
        against=None if against is None else read_hypotheses(references, Path(against), track)[0],
    )
    scores["files"]["unreferenced"] = unreferenced
    return scores


def read_references(folder: Path, track: Track | None = None) -> dict[str, Annotation]:
    """Read the annotations of a folder by recording.

    Raises:
        NotFound: there are none.
    """
    files = find_annotations(folder)
    if not files:
        raise NotFound(
            f"files ending in {', '.join(READERS)}", f"none below {folder}", "Check the path."
        )
    return {name: read_annotation(files[name]) for name in (track(files) if track else files)}


def read_hypotheses(
    references: Mapping[str, Annotation], folder: Path, track: Track | None = None
) -> tuple[dict[str, Annotation], list[str]]:
    """Read hypotheses under their references' names, and list those without a reference.

    Raises:
        InvalidFile, InvalidInput: see `score`.
    """
    files = match(references, find_annotations(folder), folder)
    wanted = [name for name in files if name in references]
    read = {
        name: _read_hypothesis(files[name], references[name].duration_s)
        for name in (track(wanted) if track else wanted)
    }
    return read, sorted(set(files) - set(references))


def find_annotations(folder: Path) -> dict[str, Path]:
    """Find the annotation file of each recording below a folder, by its path without endings.

    If a recording has several formats, the first of TSV, CSV_BI and EDF counts. EDF files count
    only in a folder without tables: next to tables they are the recordings themselves.

    Raises:
        NotFound: no such folder.
        InvalidInput: two files of the same format for one recording.
    """
    if not folder.is_dir():
        raise NotFound("a folder of annotations", f"{folder}", "Check the path.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in READERS)
    tables = [path for path in files if path.suffix.lower() != ".edf" and not _is_other_table(path)]
    named_events = [path for path in tables if path.stem.endswith("_events")]
    if named_events:
        tables = [path for path in tables if path.suffix != ".tsv"] + named_events
    by_recording: dict[str, Path] = {}
    for path in tables or files:
        name = recording_name(path.relative_to(folder))
        previous = by_recording.get(name)
        if previous is None or _rank(path) < _rank(previous):
            by_recording[name] = path
        elif _rank(path) == _rank(previous):
            raise InvalidInput(
                f"one {path.suffix} file for {name}", f"{previous} and {path}", "Remove one."
            )
    return by_recording


def recording_name(path: Path) -> str:
    """Return the path of a recording without suffix and endings."""
    stem = path.stem
    for ending in ENDINGS:
        stem = stem.removesuffix(ending)
    return path.with_name(stem).as_posix()


def subject_of(name: str) -> str:
    """Return the subject in a BIDS, TUSZ, CHB-MIT or Siena name; otherwise the first folder."""
    pattern = SUBJECT.search(name)
    if pattern:
        return next(group for group in pattern.groups() if group)
    return Path(name).parts[0]


def match(
    references: Iterable[str], hypotheses: Mapping[str, Path], folder: Path
) -> dict[str, Path]:
    """Match hypothesis files to their references: by equal paths first, then by equal file names.

    Raises:
        InvalidInput: two hypotheses of one file name for the same reference, or one for two
            references.
    """
    names = set(references)
    matched = {name: path for name, path in hypotheses.items() if name in names}
    rest = {name: path for name, path in hypotheses.items() if name not in names}
    wanted: dict[str, list[str]] = {}
    for name in names:
        wanted.setdefault(Path(name).name, []).append(name)
    for name, path in rest.items():
        targets = wanted.get(Path(name).name, [])
        open_targets = [target for target in targets if target not in matched]
        if len(targets) > 1 or (targets and not open_targets):
            others = [str(matched[target]) for target in targets if target in matched]
            raise InvalidInput(
                f"one hypothesis in {folder} for one recording named {Path(name).name}",
                f"{path} and {listed(others or targets)}",
                "Mirror the tree of the references.",
            )
        matched[open_targets[0] if open_targets else name] = path
    return matched


def _read_hypothesis(path: Path, duration_s: float) -> Annotation:
    try:
        return read_annotation(path, duration_s)
    except BrainbrrError as error:
        raise InvalidFile(
            "a readable hypothesis", f"{path}: {error.got}", "Predict it again; no file is skipped."
        ) from error


def _rank(path: Path) -> int:
    return list(READERS).index(path.suffix.lower())


def _is_other_table(path: Path) -> bool:
    return path.stem.endswith(OTHER_TABLES)
