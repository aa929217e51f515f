"""Vigilance: no gap, and the level of each state."""

import numpy as np
import pytest

from brainbrr.synthesis.states import STATES, Vigilance, draw_vigilance

HALVES = Vigilance(("eyes_open", "eyes_closed"), np.array([0.0, 60.0, 120.0]))


def test_vigilance_covers_the_recording_without_a_gap():
    vigilance = draw_vigilance(np.random.default_rng(10), 3600.0)
    assert vigilance.edges_s[0] == 0 and vigilance.edges_s[-1] == 3600
    assert (np.diff(vigilance.edges_s) > 0).all() and set(vigilance.states) == set(STATES)
    lengths_s = [off - on for on, off in vigilance.segments(*STATES)]
    assert sum(lengths_s) == pytest.approx(3600)


def test_an_envelope_takes_the_level_of_each_state():
    envelope = HALVES.envelope({"eyes_open": 0.2, "eyes_closed": 1.0}, 120 * 10, 10)
    assert envelope[[0, 590, 610, 1199]] == pytest.approx([0.2, 0.2, 1.0, 1.0])
