import re
from xml.etree import ElementTree

import numpy as np
import pytest

from brainbrr.reporting.figures import (
    OperatingPoint,
    curve_figure,
    head_figure,
    reliability_figure,
)
from brainbrr.reporting.report import curve_section, reliability_sets
from brainbrr.signal.electrodes import ELECTRODES
from tests.reporting.report_examples import elements, texts


def test_the_curve_shows_operating_points_and_published_ones(scores):
    drawing = curve_figure(
        {"NEDC OVLP": scores["curve"]["ovlp"]},
        [OperatingPoint("ours", 0.6, 11.3)],
        [OperatingPoint("theirs", 0.2, 1.0)],
    )
    dot = elements(drawing, "circle", "operating")[0]
    hollow = elements(drawing, "circle", "published")[0]
    assert float(dot.get("cx")) > float(hollow.get("cx"))
    assert float(dot.get("cy")) < float(hollow.get("cy"))
    assert len(elements(drawing, "path", "curve")) == 2  # the curve and its key
    assert "theirs" in texts(drawing)
    assert "ours: 0.60 at 11.3" in ElementTree.fromstring(drawing).get("aria-label")


def test_undefined_points_of_a_curve_are_left_out():
    points = [{"sensitivity": None, "fa_per_24h": 1.0}, {"sensitivity": 0.5, "fa_per_24h": 3.0}]
    assert elements(curve_figure({"a": points}), "path", "curve")


def test_long_curves_are_thinned():
    points = [{"sensitivity": i / 1e4, "fa_per_24h": i / 100} for i in range(10_000)]
    assert len(curve_figure({"a": points})) < 20_000


def test_a_long_curve_keeps_its_steps_at_few_false_alarms():
    rare = [{"sensitivity": 0.1 * i, "fa_per_24h": 0.2 * i, "threshold": 1 - i / 1e4}
            for i in range(1, 6)]  # fmt: skip
    often = [{"sensitivity": 0.5, "fa_per_24h": 1 + i / 10, "threshold": 0.9 - i / 1e4}
             for i in range(1133)]  # fmt: skip
    dots = [OperatingPoint("", point["sensitivity"], point["fa_per_24h"]) for point in rare]
    drawing = curve_figure({"a": rare + often}, dots)
    moves = re.findall(r"-?\d+", elements(drawing, "path", "s1")[0].get("d"))
    corners = np.cumsum(np.array(moves, float).reshape(-1, 2), axis=0) / 2
    for dot in elements(drawing, "circle", "operating"):
        at = float(dot.get("cx")), float(dot.get("cy"))
        assert np.abs(corners - at).max(axis=1).min() <= 0.5


def test_reliability_has_a_dot_for_each_bin_with_samples(scores):
    bins = scores["sample_level"]["reliability"]
    drawing = reliability_figure({"as computed": bins, "after": bins[2:]})
    for name, n_bins in (("s1", 2), ("s2", 1)):
        assert len(elements(drawing, "circle", name)) == n_bins
        assert len(elements(drawing, "rect", name)) == n_bins
    assert [each.text for each in elements(drawing, "text", "tick")][-1] == "after"
    assert "as computed; after;" in ElementTree.fromstring(drawing).get("aria-label")


def test_reliability_before_and_after_the_temperature_is_told_with_both_errors(scores):
    assert list(reliability_sets(scores)) == ["as computed: ECE 0.031"]
    bins = scores["sample_level"]["reliability"]
    later = {"ece_calibrated": 0.012, "reliability_calibrated": bins[:1]}
    level = {**scores["sample_level"], "calibration": {"temperature": 1.5, "bias": 0.0}, **later}
    sets = reliability_sets({"sample_level": level})
    assert sets == {
        "as computed: ECE 0.031": bins,
        "after temperature 1.50: ECE 0.012": bins[:1],
    }
    page = curve_section({**scores, "sample_level": level}, ())
    assert "after temperature 1.50: ECE 0.012" in page
    assert reliability_sets({}) == {}


def test_the_head_shows_connections_and_marks_electrodes():
    adjacency = np.zeros((19, 19), np.float32)
    adjacency[0, 5], adjacency[2, 3] = 0.9, 0.3
    drawing = head_figure(adjacency, ("F7",))
    edges = elements(drawing, "path", "edge")
    assert [edge[0].text for edge in edges] == ["C3 to P3: 0.300", "Fp1 to F7: 0.900"]
    assert len(elements(drawing, "circle", "electrode")) == len(ELECTRODES)
    assert len(elements(drawing, "circle", "matters")) == 1
    assert not elements(head_figure(None), "path", "edge")


def test_electrodes_lie_on_the_head_as_seen_from_above():
    circles = elements(head_figure(None), "circle", "electrode")
    points = {
        name: (float(circle.get("cx")), float(circle.get("cy")))
        for name, circle in zip(ELECTRODES, circles, strict=True)
    }
    # BESA's angles in degrees are the distances from Cz, in units of the figure.
    assert points["Cz"] == (130.0, 130.0)
    assert points["T3"] == (38.0, 130.0) and points["T4"] == (222.0, 130.0)
    assert points["Fz"] == (130.0, 84.0)
    assert points["Fp1"] == pytest.approx((130 - 92 * 0.309, 130 - 92 * 0.951), abs=0.1)
