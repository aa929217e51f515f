import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.reporting import svg
from brainbrr.reporting.cases import Case
from brainbrr.reporting.eeg_figure import (
    DERIVATIONS,
    clock,
    double_banana,
    eeg_figure,
    envelope,
    row_scale_uv,
)
from brainbrr.reporting.figures import (
    OperatingPoint,
    curve_figure,
    head_figure,
    reliability_figure,
)
from brainbrr.reporting.report import curve_section, reliability_sets
from brainbrr.signal.electrodes import ELECTRODES


def elements(drawing, tag, css_class=""):
    root = ElementTree.fromstring(drawing)
    found = [one for one in root.iter() if one.tag.endswith("}" + tag)]
    return [one for one in found if css_class in one.get("class", "").split() or not css_class]


def texts(drawing):
    return [one.text for one in elements(drawing, "text")]


def test_the_double_banana_subtracts_the_second_electrode_and_forgets_the_reference():
    rng = np.random.default_rng(1)
    eeg_uv = rng.standard_normal((19, 50)).astype(np.float32)
    rows = double_banana(eeg_uv)
    assert rows.shape == (18, 50)
    fp1, f7 = ELECTRODES.index("Fp1"), ELECTRODES.index("F7")
    assert DERIVATIONS[0] == ("Fp1", "F7")
    np.testing.assert_array_equal(rows[0], eeg_uv[fp1] - eeg_uv[f7])
    np.testing.assert_allclose(double_banana(eeg_uv + 7.0), rows, atol=1e-5)


def test_left_and_right_chains_mirror_each_other_and_the_middle_is_between():
    from brainbrr.signal.electrodes import MIRROR

    mirrored = [(MIRROR.get(a, a), MIRROR.get(b, b)) for a, b in DERIVATIONS[:4]]
    assert mirrored == list(DERIVATIONS[14:])
    assert DERIVATIONS[8:10] == (("Fz", "Cz"), ("Cz", "Pz"))


@given(st.integers(1, 3000), st.integers(5, 200))
def test_thinning_keeps_order_and_extremes(n_samples, n_columns):
    values = np.random.default_rng(n_samples).standard_normal(n_samples).astype(np.float32)
    position, thinned = envelope(values, n_columns)
    assert len(position) == len(thinned) <= max(2 * n_columns, n_samples)
    assert np.all(np.diff(position) >= 0)
    assert thinned.max() == values.max()
    assert thinned.min() == values.min()


def test_the_eeg_figure_has_all_rows_spans_probability_and_clock(cases):
    hit = next(case for case in cases if case.kind == "hit")
    drawing = eeg_figure(hit)
    labels = texts(drawing)
    for first, second in DERIVATIONS:
        assert f"{first}-{second}" in labels
    assert labels.count("absent") == 2  # P4-O2 and T6-O2: O2 is not there
    assert len(elements(drawing, "path", "wave")) == 16
    assert {"annotated", "detected", "probability", "0:01:40"} <= set(labels)
    assert (
        len(elements(drawing, "rect", "truth")) == len(elements(drawing, "rect", "detected")) == 1
    )
    assert len(elements(drawing, "path", "probability")) == 1
    assert len(elements(drawing, "path", "matters")) == 2  # Fp1-F7 and F7-T3


def test_spans_lie_where_the_clock_says(cases):
    hit = next(case for case in cases if case.kind == "hit")
    root = ElementTree.fromstring(eeg_figure(hit))
    left, right = float(root.get("data-left")), float(root.get("data-right"))
    start_s, stop_s = float(root.get("data-start-s")), float(root.get("data-stop-s"))
    truth = elements(eeg_figure(hit), "rect", "truth")[0]
    share = (float(truth.get("x")) - left) / (right - left)
    assert start_s + share * (stop_s - start_s) == pytest.approx(100.0, abs=0.1)


def test_negative_is_up():
    eeg_uv = np.zeros((19, 100), np.float32)
    eeg_uv[ELECTRODES.index("Fp1"), 50:] = -100.0
    wave = elements(
        eeg_figure(Case("r", "hit", 0.0, 1.0, eeg_uv=eeg_uv, rate_hz=100.0)), "path", "wave"
    )
    steps = [int(step) for step in re.findall(r"-?\d+", wave[0].get("d").split("l")[1])][1::2]
    assert sum(steps) < 0


def test_a_gap_breaks_the_line():
    x = np.arange(6.0)
    assert svg.path(x, np.array([0, 1, np.nan, 3, 4, 4.0])).count("M") == 2
    assert svg.path(np.array([1.0, 2, 4]), np.array([5.0, 3, 3])) == "M1 5l1-2 2 0"


@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(-99, 99)), min_size=2, max_size=30))
def test_path_data_leads_back_to_its_points(points):
    x, y = np.array(points, dtype=np.float64).T
    numbers = [int(n) for n in re.findall(r"-?\d+", svg.path(x, y))]
    walked = np.cumsum(np.array(numbers).reshape(-1, 2), axis=0)
    kept = np.array([p for i, p in enumerate(points) if i == 0 or p != points[i - 1]])
    np.testing.assert_array_equal(walked[: len(kept)], kept)


def test_the_scale_follows_the_signal_and_clock_reads_hours():
    assert row_scale_uv(np.full((18, 10), 45.0, np.float32)) == 100
    assert row_scale_uv(np.full((18, 10), 5000.0, np.float32)) == 1000
    assert row_scale_uv(np.full((18, 10), np.nan, np.float32)) == 100
    assert clock(3661.5) == "1:01:01.5"
    assert clock(59.97) == "0:01:00"


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
    assert len(elements(drawing, "circle", "electrode")) == 19
    assert len(elements(drawing, "circle", "matters")) == 1
    assert not elements(head_figure(None), "path", "edge")


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e5))
def test_ticks_are_few_and_inside(start, length):
    values = svg.ticks(start, start + length)
    assert 2 <= len(values) <= 13
    assert all(start - 1e-6 * length <= value <= start + length * (1 + 1e-6) for value in values)
