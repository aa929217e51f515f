"""What travels with an exported detector: all that `predict` needs beside the computation, as
JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.calibration import Calibration
from brainbrr.events.detection import Detection
from brainbrr.export.refusals import REMEDY, InvalidExport, LyingMetadata
from brainbrr.inference.annotator import Annotator
from brainbrr.release.description import described
from brainbrr.release.refusals import InvalidDetector, shown
from brainbrr.release.schema import Description, read_description
from brainbrr.signal.window_eeg import Backend

KEY = "brainbrr"
"""Under which name the description lies in the metadata of a file."""
MAX_TEXT = 200_000
PARTS = {"detector", "export"}


@dataclass(frozen=True)
class ExportedDetector(Annotator):
    """A detector whose network is a file that something else than torch's eager mode runs.

    Attributes:
        windows: maps windows of stored EEG to probabilities.
        model: the network's family and numbers, for the record.
        preparation, windowing, detection, provenance, calibration: as in `Detector`.
        export: how it was made, and how far it was from the network it was made from.
        file_digest: SHA-256 of the file.
    """

    windows: Backend
    model: dict[str, Any]
    preparation: Preparation
    windowing: Windowing
    detection: Detection
    provenance: dict[str, Any]
    calibration: Calibration = field(default_factory=Calibration)
    export: dict[str, Any] = field(default_factory=dict)
    file_digest: str = ""

    @property
    def weights_digest(self) -> str:
        """The file's: its weights, and how they are computed with."""
        return self.file_digest

    @property
    def backend(self) -> Backend:
        """What runs the file."""
        return self.windows


def description_of(detector: Annotator, export: Mapping[str, Any]) -> str:
    """Everything but the weights as JSON: what `detector.yaml` would hold, and about the export."""
    values = {"detector": described(detector, {}), "export": dict(export)}
    return json.dumps(values, allow_nan=False)


def exported_detector(text: str | None, windows: Backend, file_digest: str) -> ExportedDetector:
    """The detector that a description and a computation make.

    Raises:
        InvalidExport: no description, or one of its named forms.
        InvalidDetector: a described detector that is foreign, hostile or of a newer schema.
    """
    description, export = read_text(text)
    return ExportedDetector(
        windows,
        description.model,
        description.preparation,
        description.windowing,
        description.detection,
        description.provenance,
        description.calibration,
        export,
        file_digest,
    )


def read_text(text: str | None) -> tuple[Description, dict[str, Any]]:
    """The detector described, and what is said about the export.

    Raises:
        InvalidExport, InvalidDetector: see `exported_detector`.
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
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LyingMetadata("a description in plain JSON", shown(str(error)), REMEDY) from error
    if not isinstance(values, dict) or set(values) != PARTS or type(values["export"]) is not dict:
        raise LyingMetadata(f"the parts {', '.join(sorted(PARTS))}", shown(values), REMEDY)
    try:
        # The same door as a detector's folder: every check of detector.yaml is one of ours.
        return read_description(yaml.safe_dump(values["detector"])), values["export"]
    except InvalidDetector as error:
        error.remedy = REMEDY
        raise
