"""The header of one signal of an EDF or BDF: its label, its position in a record, its scale."""

import math
import re
from dataclasses import dataclass

from brainbrr.data.recordings.refusals import UnreadableHeader

_WIDTHS = {
    "label": 16, "transducer": 80, "unit": 8, "physical_min": 8, "physical_max": 8,
    "digital_min": 8, "digital_max": 8, "prefilter": 80, "samples": 8, "reserved": 32,
}  # fmt: skip
_UV_PER_UNIT = {
    "v": 1e6, "volt": 1e6, "volts": 1e6, "mv": 1e3, "millivolt": 1e3, "nv": 1e-3,
    "uv": 1.0, "µv": 1.0, "âµv": 1.0, "î¼v": 1.0, "æv": 1.0, "microvolt": 1.0, "microv": 1.0,
}  # fmt: skip
"""Units in lower case; the odd ones are a micro sign in UTF-8 and in the DOS code page."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")


@dataclass(frozen=True)
class EdfChannel:
    """One signal of the file.

    Attributes:
        label: as the file spells it.
        n_samples: in each data record.
        first_sample: offset in the data record, in samples.
        gain_uv: microvolts per digital step.
        offset_uv: microvolts of digital 0.
        flaw: why its samples cannot be scaled to microvolts: `number`, `range`, `unit`, or None.
        is_annotation: whether it holds annotation lists.
    """

    label: str
    n_samples: int
    first_sample: int
    gain_uv: float
    offset_uv: float
    flaw: str | None
    is_annotation: bool


def number(text: str) -> float | None:
    """Parse a number of a header, with a decimal comma if need be; None if it is not finite."""
    text = text.strip(" \0").replace(",", ".")
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def integer(text: str) -> int | None:
    """Parse an integer of a header, or return None."""
    value = number(text)
    return int(value) if value is not None and value == int(value) else None


def _channel(fields: dict[str, str], first_sample: int, sample_bytes: int) -> EdfChannel:
    label = fields["label"].strip(" \0")
    n_samples = integer(fields["samples"])
    if n_samples is None or n_samples < 0:
        raise UnreadableHeader(
            "a number of samples per record for each channel",
            "something else",
            "Export the recording again.",
        )
    is_annotation = label in {"EDF Annotations", "BDF Annotations"}
    ranges = [
        number(fields[k]) for k in ("physical_min", "physical_max", "digital_min", "digital_max")
    ]
    scale = _UV_PER_UNIT.get(fields["unit"].strip(" \0").lower())
    gain, offset, flaw = 0.0, 0.0, None
    if any(value is None for value in ranges):
        flaw = "number"
    else:
        low, high, digital_low, digital_high = (float(v) for v in ranges if v is not None)
        limit = 2.0 ** (8 * sample_bytes - 1)
        if (
            low == high
            or digital_low >= digital_high
            or digital_low < -limit
            or digital_high > limit
        ):
            flaw = "range"
        elif scale is None:
            flaw = "unit"
        else:
            gain = (high - low) / (digital_high - digital_low) * scale
            offset = low * scale - gain * digital_low
    return EdfChannel(label, n_samples, first_sample, gain, offset, flaw, is_annotation)


def parse_channels(block: bytes, n_signals: int, sample_bytes: int) -> tuple[EdfChannel, ...]:
    """Parse the signals of a header, in file order.

    Args:
        block: the header after its first 256 bytes.
        n_signals: how many it describes.
        sample_bytes: 2 in EDF, 3 in BDF.

    Raises:
        UnreadableHeader: a sample count is not a number; later channel offsets depend on it.
    """
    text = block.decode("latin-1")
    columns: dict[str, list[str]] = {}
    # Stored by field, not by signal: all labels, then all transducers, and so on.
    offset = 0
    for field, width in _WIDTHS.items():
        starts = range(offset, offset + n_signals * width, width)
        columns[field] = [text[start : start + width] for start in starts]
        offset += n_signals * width
    channels: list[EdfChannel] = []
    for i in range(n_signals):
        first = channels[-1].first_sample + channels[-1].n_samples if channels else 0
        channels.append(_channel({k: v[i] for k, v in columns.items()}, first, sample_bytes))
    return tuple(channels)
