"""What the scoring tests share."""

import json
from pathlib import Path

import numpy as np
import pytest

from brainbrr.events.annotation import Annotation
from brainbrr.events.event import Event
from brainbrr.events.intervals import as_intervals
from brainbrr.events.trace import Trace
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


def example(levels, seizures, rate_hz, gap):
    duration_s = len(levels) / rate_hz
    gaps = [(0.3 * duration_s, 0.45 * duration_s)] if gap else []
    trace = Trace(np.array(levels, np.float32) / 8, rate_hz, as_intervals(gaps))
    return trace, as_intervals([(on, on + long) for on, long in seizures])


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> dict:
    return json.loads((shared_data / "scoring" / "cases.json").read_text())
