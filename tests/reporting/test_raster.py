import numpy as np
import pytest

from brainbrr.reporting import svg
from brainbrr.reporting.eeg_figure import eeg_figure
from brainbrr.reporting.markup import Html
from brainbrr.reporting.raster import raster


def pixels(*content, width=100.0, height=50.0):
    """Pixels of a drawing, three to two user units."""
    return raster(svg.figure(width, height, "t", "d", content))


def dark_box(image):
    """First and last row and column that are not white, in user units."""
    rows, columns = np.nonzero(image.min(axis=2) < 200)
    return [float(edge) / 1.5 for edge in (rows.min(), rows.max(), columns.min(), columns.max())]


def test_elements_lie_where_their_coordinates_say():
    box = svg.rectangle(20, 10, 40, 20, css_class="x", color="#c2571a")
    assert pixels(box).shape == (75, 150, 3)
    assert dark_box(pixels(box)) == pytest.approx([10, 30, 20, 60], abs=1.0)
    assert dark_box(pixels(svg.circle(50, 25, 10, "x"))) == pytest.approx([15, 35, 40, 60], abs=1.5)
    line = svg.polyline(np.array([10.0, 90.0, 90.0]), np.array([5.0, 5.0, 40.0]), "x")
    assert dark_box(pixels(line)) == pytest.approx([5, 40, 10, 90], abs=1.5)


def test_a_gap_in_a_line_stays_white():
    x, y = np.arange(0.0, 100.0, 10.0), np.full(10, 25.0)
    y[4:6] = np.nan
    image = pixels(svg.polyline(x, y, "x"))
    assert (image[:, 52:86] == 255).all() and (image[:, 5:40] < 128).any()


def test_text_is_anchored_as_in_svg():
    for anchor, edges in (("start", (50, 100)), ("end", (0, 51)), ("middle", (20, 80))):
        _, _, left, right = dark_box(pixels(svg.text(50, 25, "12345", anchor)))
        assert edges[0] - 1 <= left < right <= edges[1]
    assert (pixels(Html("")) == 255).all()


def test_a_whole_figure_has_its_pixels(cases):
    assert raster(eeg_figure(cases[0])).shape[1] == pytest.approx(1500, abs=2)


def test_text_that_runs_upwards_is_centred_on_its_point():
    name = '<text transform="translate(14 25) rotate(-90)" text-anchor="middle">mmm</text>'
    top, bottom, left, right = dark_box(pixels(Html(name)))
    assert (top + bottom) / 2 == pytest.approx(25, abs=1.5) and bottom - top > 15
    assert 5 < left < right <= 14.5
    # What was drawn before stays where it is.
    box = svg.rectangle(70, 5, 20, 10, css_class="x", color="#c2571a")
    image = pixels(box, Html(name))
    assert dark_box(image[:, 45:])[:2] == pytest.approx([5, 15], abs=1.0)
    assert dark_box(image)[3] == pytest.approx(90, abs=1.0)
