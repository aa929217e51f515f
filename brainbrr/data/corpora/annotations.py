"""The annotations inside an EDF+ or BDF+ file, read without its signals."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainbrr.data.corpora.source import UnreadableLabels

Annotations = list[tuple[float, float | None, str]]
"""Onset in seconds after the first sample, duration in seconds or None, text."""

_SIGNAL_FIELDS = 16 + 80 + 8 + 8 + 8 + 8 + 8 + 80
"""Bytes of a signal's header fields before its number of samples a record."""


def read_annotations(path: Path) -> Annotations | None:
    """Annotations of an EDF+ or BDF+ file in file order; None where the file has no place for any.

    Times are told from the first sample, as EDF+ counts from the whole second before it (EDF+ specification, 2.2.2).

    Raises:
        UnreadableLabels: the header does not tell where the annotations lie.
    """
    try:
        header = path.open("rb").read(256)
        n_signals, header_bytes = int(header[252:256]), int(header[184:192])
        with path.open("rb") as file:
            file.seek(256)
            fields = file.read(256 * n_signals)
        labels = [fields[16 * i : 16 * (i + 1)].strip() for i in range(n_signals)]
        counts_at = _SIGNAL_FIELDS * n_signals
        counts = [
            int(fields[counts_at + 8 * i : counts_at + 8 * (i + 1)]) for i in range(n_signals)
        ]
    except (OSError, ValueError) as error:
        raise UnreadableLabels(
            "an EDF header", f"{path.name}: {type(error).__name__}", "Fetch the recording again."
        ) from error
    width = 3 if header[0] == 255 else 2
    edges = width * np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    places = [
        i for i, label in enumerate(labels) if label in {b"EDF Annotations", b"BDF Annotations"}
    ]
    n_records = (path.stat().st_size - header_bytes) // max(int(edges[-1]), 1)
    if not places:
        return None
    if n_records <= 0 or edges[-1] <= 0:
        return []
    records = np.memmap(path, np.uint8, "r", header_bytes, (n_records, int(edges[-1])))
    return _annotations([records[:, edges[i] : edges[i + 1]] for i in places])


def _annotations(signals: list[NDArray[np.uint8]]) -> Annotations:
    """Annotations of all records, each signal `(records, bytes)`; the first list of a record tells its time."""
    found: Annotations = []
    first_s: float | None = None
    for record in range(len(signals[0])):
        for signal in signals:
            for tal in signal[record].tobytes().split(b"\x14\x00"):
                onset_s, duration_s, texts = _parse(tal.lstrip(b"\x00"))
                if onset_s is None:
                    continue
                first_s = onset_s if first_s is None else first_s
                found += [(onset_s, duration_s, text) for text in texts]
    return [(onset_s - (first_s or 0.0), duration_s, text) for onset_s, duration_s, text in found]


def _parse(tal: bytes) -> tuple[float | None, float | None, list[str]]:
    """One time-stamped annotation list: `+onset[21 duration]20 text 20 text`; a damaged one has no onset."""
    stamp, *texts = tal.split(b"\x14")
    onset, _, duration = stamp.partition(b"\x15")
    try:
        words = [text.decode("utf-8", errors="replace") for text in texts if text]
        return float(onset), float(duration) if duration else None, words
    except ValueError:
        return None, None, []
