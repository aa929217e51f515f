"""Time-stamped annotation lists, the annotation channel of EDF+ and BDF+ (EDF+ standard, 2.2.2)."""

import re
from dataclasses import dataclass

_STAMP = re.compile(rb"\0*([+-]\d{1,12}(?:[.,]\d{0,12})?)(?:\x15(\d{0,12}(?:[.,]\d{0,12})?))?\x14")


@dataclass(frozen=True)
class TimedText:
    """One annotation: seconds after the header's start, seconds long or None, and its text."""

    onset_s: float
    duration_s: float | None
    text: str


def record_time_s(block: bytes) -> float | None:
    """Read when a data record began, in seconds after the header's start; None if damaged."""
    stamp = _STAMP.match(block)
    return float(stamp.group(1).replace(b",", b".")) if stamp else None


def read_annotations(block: bytes) -> list[TimedText]:
    """Read all annotations with a text in a data record; lists with wrong syntax are skipped."""
    annotations = []
    for line in block.split(b"\x14\0"):
        stamp = _STAMP.match(line)
        if stamp is None:
            continue
        duration = stamp.group(2)
        for text in line[stamp.end() :].split(b"\x14"):
            if text.strip(b"\0 "):
                annotations.append(
                    TimedText(
                        onset_s=float(stamp.group(1).replace(b",", b".")),
                        duration_s=_number(duration),
                        text=_decode(text.strip(b"\0")),
                    )
                )
    return annotations


def _number(text: bytes | None) -> float | None:
    text = (text or b"").replace(b",", b".")
    return float(text) if re.fullmatch(rb"\d+\.?\d*|\.\d+", text) else None


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")
