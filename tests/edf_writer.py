"""EDF and BDF files written field by field, so that each field can be wrong on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

WIDTHS = {
    "label": 16, "transducer": 80, "unit": 8, "physical_min": 8, "physical_max": 8,
    "digital_min": 8, "digital_max": 8, "prefilter": 80, "samples": 8, "signal_reserved": 32,
}  # fmt: skip


@dataclass
class Channel:
    digital: np.ndarray
    label: str = "EEG Fp1-REF"
    per_record: int = 256
    unit: str = "uV"
    physical: tuple[str, str] = ("-3276.8", "3276.7")
    limits: tuple[str, str] = ("-32768", "32767")


@dataclass
class EdfFile:
    """What to write; `fixed` overrides header fields, `stamps` are the records' times."""

    channels: Sequence[Channel]
    record_s: str = "1"
    reserved: str = ""
    stamps: Sequence[float] | None = None
    notes: Sequence[tuple[float, float | None, str]] = ()
    bdf: bool = False
    fixed: dict[str, str] = field(default_factory=dict)

    @property
    def n_records(self) -> int:
        return len(self.channels[0].digital) // self.channels[0].per_record

    def to_bytes(self) -> bytes:
        channels = list(self.channels)
        lists = self._lists()
        width = 3 if self.bdf else 2
        n_signals = len(channels) + bool(lists)
        fixed = {
            "version": "0", "patient": "X F 01-JAN-1950 Jane_Doe", "recording": "Startdate X X X X",
            "date": "02.03.04", "time": "05.06.07", "header_bytes": str(256 * (n_signals + 1)),
            "reserved": self.reserved, "n_records": str(self.n_records), "record_s": self.record_s,
            "n_signals": str(n_signals),
        } | self.fixed  # fmt: skip
        widths = dict(zip(fixed, (8, 80, 80, 8, 8, 8, 44, 8, 8, 4), strict=True))
        head = "".join(fixed[name].ljust(widths[name])[: widths[name]] for name in widths)
        encoded = head.encode("latin-1")
        if self.bdf:
            encoded = b"\xffBIOSEMI" + encoded[8:]
        rows = [
            {
                "label": c.label, "transducer": "", "unit": c.unit, "physical_min": c.physical[0],
                "physical_max": c.physical[1], "digital_min": c.limits[0],
                "digital_max": c.limits[1], "prefilter": "", "samples": str(c.per_record),
                "signal_reserved": "",
            }
            for c in channels
        ]  # fmt: skip
        if lists:
            rows.append(
                rows[0]
                | {
                    "label": "BDF Annotations" if self.bdf else "EDF Annotations", "unit": "",
                    "physical_min": "-1", "physical_max": "1",
                    "samples": str(len(lists[0]) // width),
                }
            )  # fmt: skip
        for name, wide in WIDTHS.items():
            encoded += "".join(row[name].ljust(wide)[:wide] for row in rows).encode("latin-1")
        for record in range(self.n_records):
            for c in channels:
                part = c.digital[record * c.per_record : (record + 1) * c.per_record]
                encoded += to_24_bits(part) if self.bdf else part.astype("<i2").tobytes()
            encoded += lists[record] if lists else b""
        return encoded

    def _lists(self) -> list[bytes]:
        if self.stamps is None:
            return []
        lists = [f"+{stamp:g}\x14\x14\0".encode() for stamp in self.stamps]
        for onset, duration, text in self.notes:
            length = "" if duration is None else f"\x15{duration:g}"
            lists[0] += f"+{onset:g}{length}\x14{text}\x14\0".encode()
        longest = -(-max(map(len, lists)) // 6) * 6
        return [block.ljust(longest, b"\0") for block in lists]


def to_24_bits(values: np.ndarray) -> bytes:
    return values.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def noise(generator: np.random.Generator, n_samples: int, amplitude: int = 300) -> np.ndarray:
    return np.rint(generator.standard_normal(n_samples) * amplitude).astype(np.int16)


def electrode_file(n_records: int = 6, rate: int = 128, seed: int = 0, **options) -> EdfFile:
    """The 19 electrodes against a common reference, 0.1 uV a step."""
    from brainbrr.signal.electrodes import ELECTRODES

    generator = np.random.default_rng(seed)
    channels = [
        Channel(noise(generator, n_records * rate), f"EEG {name}-REF", rate) for name in ELECTRODES
    ]
    return EdfFile(channels, **options)


def write(tmp_path, content, name="a.edf"):
    """Write an EdfFile or bytes to a file."""
    path = tmp_path / name
    path.write_bytes(content.to_bytes() if isinstance(content, EdfFile) else content)
    return path


def truth(file):
    """Microvolts of the digital samples, 0.1 per step."""
    return np.stack([c.digital for c in file.channels]).astype(np.float64) * 0.1
