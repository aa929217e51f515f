"""What travels with an exported detector: all that `predict` needs beside the computation, as
JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from brainbrr import __version__
from brainbrr.data.preparation import Preparation
from brainbrr.data.window_index import Windowing
from brainbrr.errors import BrainbrrError
from brainbrr.events.detection import Detection
from brainbrr.inference.detector import Annotator, Detector
from brainbrr.inference.export_refusals import REMEDY, InvalidExport, LyingMetadata
from brainbrr.signal.quality import QualityLimits
from brainbrr.signal.window_model import WindowModel

KEY = "brainbrr"
"""Under which name the description lies in the metadata of a file."""
EXPORT_SCHEMA = 1
MAX_TEXT = 200_000
KEYS = {"schema", "version", "model", "preparation", "windowing", "detection", "provenance"}
KEYS |= {"export"}


@dataclass(frozen=True)
class ExportedDetector(Annotator):
    """A detector whose network is a file that something else than torch's eager mode runs.

    Attributes:
        windows: maps windows of stored EEG to probabilities.
        model: the network's family and numbers, for the record.
        preparation, windowing, detection, provenance: see `Annotator`.
        export: how it was made and how far it was from the network it was made from.
    """

    windows: WindowModel
    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection
    provenance: dict[str, Any]
    export: dict[str, Any]

    @property
    def window_model(self) -> WindowModel:
        """What runs the file."""
        return self.windows


def description_of(detector: Detector, export: Mapping[str, Any]) -> str:
    """Everything but the weights as JSON, and what is to be known about the export."""
    values = {
        "schema": EXPORT_SCHEMA,
        "version": __version__,
        "model": detector.model,
        "preparation": asdict(detector.preparation),
        "windowing": asdict(detector.windowing),
        "detection": asdict(detector.detection),
        "provenance": detector.provenance,
        "export": dict(export),
    }
    return json.dumps(values, allow_nan=False)


def exported_detector(text: str | None, windows: WindowModel) -> ExportedDetector:
    """The detector that a description and a computation make.

    Raises:
        InvalidExport: no description, or one of a later version.
        LyingMetadata: values no detector has.
    """
    values = read_values(text)
    try:
        preparation = dict(values["preparation"])
        quality = QualityLimits(**preparation.pop("quality"))
        detector = ExportedDetector(
            windows,
            dict(values["model"]),
            Preparation(**preparation, quality=quality),
            Windowing(**values["windowing"]),
            Detection(**values["detection"]),
            dict(values["provenance"]),
            dict(values["export"]),
        )
    except (TypeError, ValueError, KeyError, OverflowError, BrainbrrError) as error:
        raise LyingMetadata("numbers that make a detector", _short(error), REMEDY) from error
    if detector.preparation.rate_hz != detector.windowing.rate_hz:
        raise LyingMetadata(
            f"windows at the {detector.preparation.rate_hz} Hz that recordings are prepared to",
            f"{detector.windowing.rate_hz} Hz",
            REMEDY,
        )
    return detector


def read_values(text: str | None) -> dict[str, Any]:
    """The description as plain values, its keys and its schema checked.

    Raises:
        InvalidExport: no description, or one of a later version.
        LyingMetadata: no JSON, other keys, or numbers that are not finite.
    """
    if text is None:
        raise InvalidExport(
            f"a description under {KEY!r} in the file's metadata",
            "none",
            "Use a file that `brainbrr export` wrote.",
        )
    try:
        if len(text) > MAX_TEXT:
            raise ValueError(f"{len(text)} characters")
        values = json.loads(text, parse_constant=_not_finite)
    except (ValueError, RecursionError) as error:
        raise LyingMetadata("a description in plain JSON", _short(error), REMEDY) from error
    if not isinstance(values, dict) or set(values) != KEYS:
        got = sorted(map(str, values))[:20] if isinstance(values, dict) else type(values).__name__
        raise LyingMetadata(f"the keys {', '.join(sorted(KEYS))}", ascii(got), REMEDY)
    if values["schema"] != EXPORT_SCHEMA:
        raise InvalidExport(
            f"schema {EXPORT_SCHEMA}", ascii(values["schema"])[:40], "Update brainbrr."
        )
    if not _all_finite(values):
        raise LyingMetadata("finite numbers", "an infinite one", REMEDY)
    return values


def _not_finite(word: str) -> float:
    raise ValueError(f"the number {word}")


def _all_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    if isinstance(value, list):
        return all(map(_all_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _short(error: Exception) -> str:
    return ascii(" ".join(str(error).split()))[1:-1][:160]
