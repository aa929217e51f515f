"""A detector but for its weights as plain values: what a release and every export say of it."""

from dataclasses import asdict
from typing import Any

from brainbrr import __version__
from brainbrr.inference.annotator import Annotator
from brainbrr.release.schema import SCHEMA, with_digest
from brainbrr.signal.electrodes import ELECTRODES


def described(detector: Annotator, digests: dict[str, str]) -> dict[str, Any]:
    """A detector but for its weights as plain values, in today's schema.

    Args:
        digests: SHA-256 of the files that go with it, by name; empty where there are none.
    """
    values = {
        "schema": SCHEMA,
        "brainbrr": __version__,
        "model": detector.model,
        "montage": list(ELECTRODES),
        "preparation": asdict(detector.preparation),
        "windowing": asdict(detector.windowing),
        "detection": asdict(detector.detection),
        "calibration": asdict(detector.calibration),
        "provenance": detector.provenance,
        "files": digests,
    }
    return with_digest(values)
