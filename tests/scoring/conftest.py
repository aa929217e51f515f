"""What the scoring tests share."""

import json
from pathlib import Path

import pytest

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals
from brainbrr.scoring.timeline import Timeline


def annotation(pairs, duration_s, event_type="sz"):
    return Annotation(
        tuple(Event(float(on), float(off) - float(on), event_type) for on, off in pairs),
        float(duration_s),
    )


def placed(reference, hypothesis, duration_s):
    timeline = Timeline.of([duration_s])
    return (
        timeline,
        timeline.place([as_intervals(reference)]),
        timeline.place([as_intervals(hypothesis)]),
    )


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> dict:
    return json.loads((shared_data / "scoring" / "cases.json").read_text())
