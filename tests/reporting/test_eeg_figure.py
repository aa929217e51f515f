"""The EEG of an event: derivations, polarity, gaps and time where a reader expects them."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.reporting.cases import Case
from brainbrr.reporting.eeg_figure import (
    DERIVATIONS,
    clock,
    double_banana,
    eeg_figure,
    envelope,
    row_scale_uv,
)
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


def test_the_scale_follows_the_signal_and_clock_reads_hours():
    assert row_scale_uv(np.full((18, 10), 45.0, np.float32)) == 100
    assert row_scale_uv(np.full((18, 10), 5000.0, np.float32)) == 1000
    assert row_scale_uv(np.full((18, 10), np.nan, np.float32)) == 100
    assert clock(3661.5) == "1:01:01.5"
    assert clock(59.97) == "0:01:00"
