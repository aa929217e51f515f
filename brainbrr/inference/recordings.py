"""Which recordings an input names, and where the results of each go."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from brainbrr.errors import NotFound

RECORDING_SUFFIXES = {".edf", ".bdf", ".vhdr", ".set", ".fif", ".eeg"}
RESULT_ENDING = "_events"
BIDS_DESCRIPTION = "dataset_description.json"
NOT_RAW = {"derivatives", "sourcedata", "code", "stimuli"}
"""Folders of a BIDS dataset that hold no raw recordings."""


@dataclass(frozen=True)
class Job:
    """One recording and where its results go.

    Attributes:
        source: the recording.
        target: results' path without suffix, e.g. `out/sub-01/.../sub-01_..._events`.
    """

    source: Path
    target: Path


def find_jobs(sources: str | Path | Iterable[str | Path], output: str | Path) -> list[Job]:
    """Find the recordings that paths, folders or glob patterns name, sorted, with mirrored targets.

    Folders are searched recursively except for hidden ones and `output`; in a BIDS dataset only raw
    EEG is taken. Recordings that differ only by their suffix keep it in their targets.

    Raises:
        NotFound: an input names none.
    """
    if isinstance(sources, (str, Path)):
        sources = [sources]
    output = Path(output)
    targets: dict[Path, Path] = {}
    for source in sources:
        root, files = _search(Path(source), output)
        if not files:
            raise _none(Path(source))
        targets |= {file: output / file.relative_to(root).parent / _stem(file) for file in files}
    shared = Counter(targets.values())
    return [
        Job(file, target if shared[target] == 1 else target.with_name(_full_name(file)))
        for file, target in sorted(targets.items())
    ]


def bids_root(sources: str | Path | Iterable[str | Path]) -> Path | None:
    """Return the BIDS dataset that the input is or lies in, if there is one."""
    first = Path(sources if isinstance(sources, (str, Path)) else next(iter(sources)))
    folders = [first, *first.resolve().parents]
    return next((folder for folder in folders if (folder / BIDS_DESCRIPTION).is_file()), None)


def _search(source: Path, output: Path) -> tuple[Path, list[Path]]:
    """Return the folder that the output mirrors, and the recordings in it."""
    if source.is_file():
        return source.parent, [source]
    if source.is_dir():
        return source, list(_in_folder(source, output))
    parts = source.parts
    fixed = next((i for i, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
    root = Path(*parts[:fixed]) if fixed else Path()
    pattern = str(Path(*parts[fixed:])) if fixed < len(parts) else None
    return root, [file for file in root.glob(pattern) if file.is_file()] if pattern else []


def _in_folder(root: Path, output: Path) -> Iterator[Path]:
    is_bids = (root / BIDS_DESCRIPTION).is_file()
    left_out = output.resolve()
    for file in root.rglob("*"):
        inner = file.relative_to(root).parts
        if (
            file.suffix.lower() in RECORDING_SUFFIXES
            and not any(part.startswith(".") for part in inner)
            and not (is_bids and (inner[0] in NOT_RAW or not file.stem.endswith("_eeg")))
            and not file.stem.endswith(RESULT_ENDING)
            and not (file.suffix == ".eeg" and file.with_suffix(".vhdr").exists())
            and not file.resolve().is_relative_to(left_out)
            and file.is_file()
        ):
            yield file


def _stem(file: Path) -> str:
    return file.stem.removesuffix("_eeg") + RESULT_ENDING


def _full_name(file: Path) -> str:
    return f"{file.stem.removesuffix('_eeg')}_{file.suffix.lstrip('.').lower()}{RESULT_ENDING}"


def _none(source: Path) -> NotFound:
    suffixes = " ".join(sorted(RECORDING_SUFFIXES))
    return NotFound(
        f"a recording, or a folder or pattern with some ({suffixes})",
        f"{source} with none" if source.exists() else f"{source}, which does not exist",
        "Name an existing file or folder with input=.",
    )
