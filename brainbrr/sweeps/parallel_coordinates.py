"""One line per run, across one axis per option, to the run's score."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log10, nan

import numpy as np

from brainbrr.reporting import svg
from brainbrr.reporting.markup import Html, fill
from brainbrr.sweeps.runs_table import SweepRun, Value, varied_options

AXIS_GAP, HEIGHT, MARGIN = 150.0, 380.0, 90.0
TOP, BOTTOM = 46.0, 350.0
LOG_RANGE = 10.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""
LOW, HIGH = (150, 190, 225), (176, 74, 16)
"""Colors of the lowest and the highest score: pale blue and dark orange, distinct in grayscale."""


@dataclass(frozen=True)
class Axis:
    """Positions of an option's values on their axis.

    Attributes:
        label: text above it.
        heights: per run, 0 (bottom) to 1; NaN if a run has no value.
        ticks: height and text of each.
    """

    label: str
    heights: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]


def parallel_coordinates(runs: Sequence[SweepRun], label: str) -> Html:
    """Plot a sweep: all options that vary, then the validation metric.

    Runs without a metric are dashed and end before the last axis. Hovering over a line names it.

    Args:
        runs: as `read_sweep` returns them.
        label: of the last axis.
    """
    scores = [run.validation for run in runs]
    axes = [_axis(name, values) for name, values in varied_options(runs).items()]
    axes.append(_axis(label, list(scores)))
    width = 2 * MARGIN + AXIS_GAP * (len(axes) - 1)
    xs = [MARGIN + AXIS_GAP * number for number in range(len(axes))]
    # In reverse, so that the best run is drawn last, above the others.
    drawn = [
        _course(runs[number], xs, [axis.heights[number] for axis in axes])
        for number in reversed(range(len(runs)))
    ]
    for x, axis in zip(xs, axes, strict=True):
        drawn += [
            svg.line(x, TOP, x, BOTTOM, "axis"),
            svg.text(x, TOP - 14, axis.label, "middle", "axis-name"),
        ]
        drawn += [svg.text(x + 5, _y(at) + 4, mark, css_class="tick") for at, mark in axis.ticks]
    n_without = sum(score is None for score in scores)
    description = f"{len(runs)} runs, {len(axes) - 1} options; {n_without} without {label}"
    return svg.figure(width, HEIGHT, "Options and scores", description, drawn, css_class="plot")


def _axis(name: str, values: Sequence[Value]) -> Axis:
    numbers = [_as_number(value) for value in values]
    values_given = [value for value in values if value is not None]
    if not values_given:
        return Axis(name, (nan,) * len(values), ())
    if all(number is not None for number in map(_as_number, values_given)):
        return _number_axis(name, [nan if n is None else n for n in numbers])
    names = sorted({str(value) for value in values})
    height_of = {text: (index + 0.5) / len(names) for index, text in enumerate(names)}
    ticks = tuple((height, text) for text, height in height_of.items())
    return Axis(name, tuple(height_of[str(value)] for value in values), ticks)


def _number_axis(name: str, numbers: Sequence[float]) -> Axis:
    values = np.array(numbers)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low > 0 and high / low >= LOG_RANGE:
        heights = (np.log10(values) - log10(low)) / (log10(high) - log10(low))
        marks = [m * 10.0**p for p in range(-12, 13) for m in (1, 3) if low <= m * 10.0**p <= high]
        ticks = [((log10(mark) - log10(low)) / (log10(high) - log10(low)), mark) for mark in marks]
    elif high > low:
        heights = (values - low) / (high - low)
        ticks = [((mark - low) / (high - low), mark) for mark in svg.ticks(low, high, 5)]
    else:
        heights, ticks = values - low + 0.5, [(0.5, low)]
    return Axis(name, tuple(heights.tolist()), tuple((at, f"{mark:.4g}") for at, mark in ticks))


def _as_number(value: Value) -> float | None:
    return None if isinstance(value, bool | str | None) else float(value)


def _y(height: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * height


def _course(run: SweepRun, xs: Sequence[float], heights: Sequence[float]) -> Html:
    points = [(x, _y(height)) for x, height in zip(xs, heights, strict=True) if isfinite(height)]
    d = "M" + "L".join(f"{svg.number(x)} {svg.number(y)}" for x, y in points)
    has_score = run.validation is not None
    value = f"{run.validation:.4g}" if run.validation is not None else "no score"
    return fill(
        '<path class="run $state" fill="none" stroke="$color" stroke-width="2" '
        '$dash d="$d"><title>$hint</title></path>',
        state=run.state,
        color=_color(heights[-1]) if has_score else "#8888",
        dash="" if run.state == "finished" else Html('stroke-dasharray="5 4"'),
        d=d,
        hint=f"{run.name}: {value}, {run.state}",
    )


def _color(height: float) -> str:
    mixed = (round(low + (high - low) * height) for low, high in zip(LOW, HIGH, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
