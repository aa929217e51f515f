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

# Tables that BIDS keeps beside the events, and what names a file of a recording.
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

    Files are matched by their path below the folder, else by their name (`_events` and `_eeg`
    endings and the suffix do not count). Both sides may hold HED-SCORE TSV, NEDC's CSV_BI or EDF+
    annotations, in BIDS trees or flat.

    Args:
        missing: `raise`, or `empty` to score a missing hypothesis as one without events.
        against: folder of another system's hypotheses, for paired differences on the same patients.
        scorer: `score_corpus` with other settings.
        track: wraps the loop over recordings, for a progress bar.

    Returns:
        the content of `scores.json`.

    Raises:
        NotFound: the reference folder holds no annotation.
        InvalidInput: two files of one folder are the same recording.
        InvalidFile: a hypothesis cannot be read; `missing` does not cover it.
        NotFound, InvalidInput: see `score_corpus`.
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
    """Annotations of a folder by recording.

    Raises:
        NotFound: there is none.
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
    """Hypotheses under their references' names, and those that no reference asks for.

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
    """The annotation file of each recording below a folder, by the recording's path without
    endings.

    Where a recording is there in several formats, the first of TSV, CSV_BI and EDF counts. EDF
    files count only in a
    folder without tables: beside tables they are the recordings themselves.

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
    found: dict[str, Path] = {}
    for path in tables or files:
        name = recording_name(path.relative_to(folder))
        former = found.get(name)
        if former is None or _rank(path) < _rank(former):
            found[name] = path
        elif _rank(path) == _rank(former):
            raise InvalidInput(
                f"one {path.suffix} file for {name}", f"{former} and {path}", "Remove one."
            )
    return found


def recording_name(path: Path) -> str:
    """Path of a recording without suffix and without the endings that tell its files apart."""
    stem = path.stem
    for ending in ENDINGS:
        stem = stem.removesuffix(ending)
    return path.with_name(stem).as_posix()


def subject_of(name: str) -> str:
    """The subject in a BIDS, TUSZ, CHB-MIT or Siena name; else the folder, else the name."""
    found = SUBJECT.search(name)
    if found:
        return next(group for group in found.groups() if group)
    return Path(name).parts[0]


def match(
    references: Iterable[str], hypotheses: Mapping[str, Path], folder: Path
) -> dict[str, Path]:
    """Hypothesis files under their references' names: equal paths first, then equal file names.

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
                f"{path} beside {listed(others or targets)}",
                "Mirror the tree of the references.",
            )
        matched[open_targets[0] if open_targets else name] = path
    return matched


def _read_hypothesis(path: Path, duration_s: float) -> Annotation:
    try:
        return read_annotation(path, duration_s)
    except BrainbrrError as error:
        raise InvalidFile(
            "a readable hypothesis", f"{path}: {error.got}", "Predict it again; none is skipped."
        ) from error


def _rank(path: Path) -> int:
    return list(READERS).index(path.suffix.lower())


def _is_other_table(path: Path) -> bool:
    return path.stem.endswith(OTHER_TABLES)
