from xml.etree import ElementTree

import numpy as np

from brainbrr.reporting.figures import (
    OperatingPoint,
    curve_figure,
    head_figure,
    reliability_figure,
)


def elements(drawing, tag, css_class=""):
    root = ElementTree.fromstring(drawing)
    found = [one for one in root.iter() if one.tag.endswith("}" + tag)]
    return [one for one in found if css_class in one.get("class", "").split() or not css_class]


def texts(drawing):
    return [one.text for one in elements(drawing, "text")]


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


def test_reliability_has_a_dot_for_each_bin_with_samples(scores):
    bins = scores["sample_level"]["reliability"]
    drawing = reliability_figure({"as computed": bins, "after": bins[2:]})
    for name, n_bins in (("s1", 2), ("s2", 1)):
        assert len(elements(drawing, "circle", name)) == n_bins
        assert len(elements(drawing, "rect", name)) == n_bins
    assert [each.text for each in elements(drawing, "text", "tick")][-1] == "after"
    assert "as computed; after;" in ElementTree.fromstring(drawing).get("aria-label")


def test_the_head_shows_connections_and_marks_electrodes():
    adjacency = np.zeros((19, 19), np.float32)
    adjacency[0, 5], adjacency[2, 3] = 0.9, 0.3
    drawing = head_figure(adjacency, ("F7",))
    edges = elements(drawing, "path", "edge")
    assert [edge[0].text for edge in edges] == ["C3 to P3: 0.300", "Fp1 to F7: 0.900"]
    assert len(elements(drawing, "circle", "electrode")) == 19
    assert len(elements(drawing, "circle", "matters")) == 1
    assert not elements(head_figure(None), "path", "edge")
