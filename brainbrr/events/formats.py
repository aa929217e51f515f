"""Read annotations of any supported format, by the file's suffix."""

from collections.abc import Callable
from pathlib import Path

from brainbrr.errors import InvalidOption
from brainbrr.events.annotation import Annotation
from brainbrr.events.csv_bi import read_csv_bi
from brainbrr.events.edf_annotations import read_edf_annotations
from brainbrr.events.tsv import read_tsv

Reader = Callable[[str | Path, float | None], Annotation]
# In order of preference if a folder holds one recording in several formats.
READERS: dict[str, Reader] = {
    ".tsv": read_tsv,
    ".csv_bi": read_csv_bi,
    ".edf": read_edf_annotations,
}


def read_annotation(path: str | Path, duration_s: float | None = None) -> Annotation:
    """Read HED-SCORE TSV, NEDC's CSV_BI or EDF+ annotations.

    Args:
        duration_s: length of the recording if the file does not state it.

    Raises:
        InvalidOption: another suffix.
        InvalidFile: the file cannot be parsed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in READERS:
        raise InvalidOption(f"one of {', '.join(READERS)}", f"{path}", "Convert the file.")
    return READERS[suffix](path, duration_s)
