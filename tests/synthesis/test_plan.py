import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.synthesis.parameters import SynthesisParameters
from brainbrr.synthesis.plan import draw_plan


@given(
    st.integers(0, 10_000),
    st.integers(10, 4000),
    st.floats(0, 30),
    st.floats(0, 80),
)
def test_nothing_overlaps_and_all_lies_inside(seed, duration_s, seizures_per_hour, artefacts):
    rates = {"train": seizures_per_hour, "val": 0.0, "test": 0.0}
    parameters = SynthesisParameters(
        duration_s=duration_s, seizures_per_hour=rates, artefacts_per_hour=artefacts
    )
    plan = draw_plan(np.random.default_rng(seed), parameters, "train")
    events = sorted((*plan.seizures, *plan.artefacts), key=lambda event: event.onset_s)
    assert all(event.onset_s >= 0 and event.offset_s <= duration_s for event in events)
    assert all(first.offset_s <= second.onset_s for first, second in itertools.pairwise(events))
    assert all(
        parameters.min_seizure_s - 0.25 <= event.duration_s <= parameters.max_seizure_s + 0.25
        for event in plan.seizures
    )


def test_the_rate_holds_on_average():
    parameters = SynthesisParameters(duration_s=900)
    counts = [
        len(draw_plan(np.random.default_rng(seed), parameters, "test").seizures)
        for seed in range(400)
    ]
    assert np.mean(counts) * 4 == pytest.approx(parameters.seizures_per_hour["test"], rel=0.15)


def test_seizures_keep_their_distance():
    parameters = SynthesisParameters(duration_s=3600)
    for seed in range(20):
        seizures = draw_plan(np.random.default_rng(seed), parameters, "train").seizures
        gaps_s = [later.onset_s - sooner.offset_s for sooner, later in itertools.pairwise(seizures)]
        assert min(gaps_s) >= 149
