"""The smallest detector there is."""

from pathlib import Path

import pytest

from brainbrr.inference.detector import Detector
from brainbrr.release.artifact import load_release

GOLDEN = Path(__file__).parents[1] / "release" / "golden" / "schema_2"


@pytest.fixture(scope="session")
def golden() -> Detector:
    """Windows of 4 s every 2 s."""
    return load_release(GOLDEN, check=False)
