"""The picture of the runs: every network of the last one has its bars."""

from xml.etree import ElementTree

import plot
import pytest

SVG = "{http://www.w3.org/2000/svg}"


def timings(**seconds):
    return {
        name: {"clock_s": value, "median_s": value, "processor_s": value}
        for name, value in seconds.items()
    }


def run():
    forward = timings(v3=0.2, v3_electrode=0.1, SeizureTransformer=0.3, DCRNN=0.06)
    forward["v3 bf16"] = forward["v3"]
    train = timings(v3=0.6, v3_electrode=0.5, SeizureTransformer=0.9, DCRNN=0.2)
    slow = timings(v3=0.25, predecessor=3.0)
    return {
        "when": "2025-01-02T03:04:05+00:00",
        "batch 1": {"forward": forward, "train": train},
        "slow": {"forward": slow, "train": slow},
        "sizes": {"DCRNN": {"answers": "clip"}, "v3": {"answers": "sample"}},
    }


def rectangles(tree):
    return [shape for shape in tree.iter(f"{SVG}rect") if shape.get("x")]


def test_each_timing_is_a_bar_and_ours_are_marked():
    tree = ElementTree.fromstring(plot.draw([run()]))
    bars = rectangles(tree)
    assert len(bars) == 2 * 5 + 1
    ours = [bar for bar in bars if bar.get("fill") in plot.LINES.values()]
    assert len(ours) == 5
    words = [shape.text for shape in tree.iter(f"{SVG}text")]
    assert {"v3 bf16", "DCRNN (clip)", "predecessor"} <= set(words)
    assert "3000" in words


def test_ten_times_the_time_is_as_much_longer_everywhere():
    lengths = plot.bars(run(), 0)[0]
    across = {
        shape.get("width")
        for shape in (ElementTree.fromstring(part) for part in lengths)
        if shape.tag == "rect"
    }
    widths = sorted(float(width) for width in across)
    # 60, 100, 200, 300, 500, 600, 900 and 3000 ms, on an axis from 10 to 10,000.
    decade = (plot.WIDTH - plot.BARS_LEFT) / 3
    assert widths[0] == pytest.approx(decade * 0.778, abs=0.1)
    assert widths[1] == pytest.approx(decade, abs=0.1)
    assert widths[-1] == pytest.approx(decade * 2.477, abs=0.1)


def test_a_run_without_slow_peers_is_drawn():
    quick = run()
    del quick["slow"], quick["sizes"]
    tree = ElementTree.fromstring(plot.draw([run(), quick]))
    assert len(rectangles(tree)) == 2 * 4 + 1
