"""Figures of scores: sensitivity against false alarms, calibration, the graph on a head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import NDArray

from brainbrr.reporting import svg
from brainbrr.reporting.markup import Html, fill
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.positions import POSITIONS

WIDTH, HEIGHT = 520.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 508.0, 14.0, 296.0
LEAST_PER_24H, MOST_PER_24H = 0.1, 300.0
TARGETS_PER_24H = (1.0, 2.5, 5.0, 10.0)
COLORS = ("#1f5fa8", "#c2571a", "#2a7d4f", "#7a4fa3")

RIM_DEG = 105.0
"""Angle from the vertex to the rim of a drawn head."""


@dataclass(frozen=True)
class OperatingPoint:
    """One detector at one threshold.

    Attributes:
        label: its name in the figure.
        sensitivity: fraction of seizures found, 0 to 1.
        fa_per_24h: false alarms per 24 hours.
    """

    label: str
    sensitivity: float
    fa_per_24h: float

    @property
    def hint(self) -> str:
        """Return the text shown when hovering over the point."""
        return f"{self.label}: {self.sensitivity:.3f} at {self.fa_per_24h:.2f} alarms per 24 h"


def curve_figure(
    curves: Mapping[str, Sequence[Mapping[str, float]]],
    operating_points: Sequence[OperatingPoint] = (),
    published: Sequence[OperatingPoint] = (),
) -> Html:
    """Draw sensitivity against false alarms per 24 h, the rate on a logarithmic axis from 0.1 on.

    Args:
        curves: points with the keys `sensitivity` and `fa_per_24h`, by name of the definition;
            points with None in either are left out.
        operating_points: those of this detector, filled, in the order and colors of the curves.
        published: other systems, as hollow dots.
    """
    drawn = [*_rate_axis(), *_share_axis("sensitivity")]
    for index, (name, points) in enumerate(curves.items()):
        rates, shares = _curve_points(points)
        x, y = np.array([_x_of_rate(rate) for rate in rates]), _y_of_share(shares)
        # Between two thresholds the counts are constant: the curve is a staircase, rate first.
        x, y = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
        drawn.append(svg.polyline(x, y, f"curve s{index + 1}", COLORS[index % len(COLORS)]))
        drawn += _key(name, index)
    for point in published:
        x_point, y_point = _x_of_rate(point.fa_per_24h), float(_y_of_share(point.sensitivity))
        drawn.append(svg.circle(x_point, y_point, 5, "published", point.hint, hollow=True))
        # Six units a letter: a label that would run out of the picture goes to the left.
        fits = x_point + 9 + 6 * len(point.label) < RIGHT
        anchor, shift = ("start", 9) if fits else ("end", -9)
        drawn.append(svg.text(x_point + shift, y_point + 4, point.label, anchor, "tick"))
    for index, point in enumerate(operating_points):
        x_point, y_point = _x_of_rate(point.fa_per_24h), float(_y_of_share(point.sensitivity))
        drawn.append(svg.circle(x_point, y_point, 6, f"operating s{index + 1}", point.hint))
    summary = "; ".join(
        f"{point.label}: {point.sensitivity:.2f} at {point.fa_per_24h:.1f}"
        for point in operating_points
    )
    return svg.figure(
        WIDTH, HEIGHT, "Sensitivity against false alarms per 24 h", summary, drawn, css_class="plot"
    )


def precision_figure(
    sensitivity: NDArray[np.float64], precision: NDArray[np.float64], prevalence: float
) -> Html:
    """Draw precision against sensitivity of samples, with the prevalence as the chance level.

    Args:
        sensitivity, precision: one value per threshold, from the highest threshold on.
        prevalence: fraction of seizure in the samples.
    """
    drawn = [*_share_axis("precision, samples"), *_linear_axis("sensitivity, samples")]
    chance = float(_y_of_share(prevalence))
    drawn.append(svg.line(LEFT, chance, RIGHT, chance, "ideal"))
    x, y = LEFT + (RIGHT - LEFT) * sensitivity, _y_of_share(precision)
    drawn.append(svg.polyline(x, y, "curve s1", COLORS[0]))
    note = f"line: chance, {prevalence:.3f}"
    return svg.figure(WIDTH, HEIGHT, "Precision against sensitivity", note, drawn, css_class="plot")


def reliability_figure(sets: Mapping[str, Sequence[Mapping[str, float]]]) -> Html:
    """Draw the frequency of seizure against the predicted probability.

    Args:
        sets: bins with the keys `confidence` (mean probability), `frequency` (fraction of
            seizure samples) and `n` (samples), by name of the calibration; bins without samples
            are left out.
    """
    drawn = [*_share_axis("fraction of samples that are seizure"), *_linear_axis("probability")]
    drawn.append(svg.line(LEFT, BOTTOM, RIGHT, TOP, "ideal"))
    for index, (name, bins) in enumerate(sets.items()):
        shown = [b for b in bins if b["n"] and b["confidence"] is not None]
        drawn += [*_amounts(shown, index), *_reliability(name, shown, index), *_key(name, index)]
    note = f"{'; '.join(sets)}; calibrated on the diagonal; bars: number of samples, logarithmic"
    return svg.figure(
        WIDTH, HEIGHT, "Reliability of the probabilities", note, drawn, css_class="plot"
    )


def _amounts(bins: Sequence[Mapping[str, float]], index: int) -> list[Html]:
    """Draw the number of samples of each dot, next to those of other curves."""
    most = max((b["n"] for b in bins), default=1)
    bars = []
    for b in bins:
        height = 40.0 * log10(1 + b["n"]) / log10(1 + most)
        x = LEFT + (RIGHT - LEFT) * b["confidence"] - 5 + 5 * index
        color, css_class = f"{COLORS[index % len(COLORS)]}44", f"amount s{index + 1}"
        bars.append(svg.rectangle(x, BOTTOM - height, 5, height, css_class=css_class, color=color))
    return bars


def _reliability(name: str, bins: Sequence[Mapping[str, float]], index: int) -> list[Html]:
    x_all = np.array([LEFT + (RIGHT - LEFT) * b["confidence"] for b in bins])
    y_all = _y_of_share(np.array([b["frequency"] for b in bins]))
    color = COLORS[index % len(COLORS)]
    drawn = [svg.polyline(x_all, y_all, f"curve s{index + 1}", color)]
    for b, x, y in zip(bins, x_all, y_all, strict=True):
        hint = f"predicted {b['confidence']:.3f}, was {b['frequency']:.3f}, {b['n']:.0f} samples"
        drawn.append(svg.circle(x, y, 4, f"s{index + 1}", f"{name}: {hint}"))
    return drawn


def head_figure(
    adjacency: NDArray[np.float32] | None, channels: Sequence[str] = (), n_edges: int = 24
) -> Html:
    """Draw the strongest connections of the learned graph on a head seen from above, nose up.

    Args:
        adjacency: `(19, 19)` weights; of each pair the larger direction is drawn, zeros are not.
        channels: electrodes to mark.
    """
    size, radius = 260.0, 105.0
    center = size / 2
    points = center + radius * _flat_positions()
    drawn = [
        fill(
            '<path class="head" fill="none" stroke="#8889" d="M$l ${t}l$w -14l$w 14"/>'
            '<circle class="head" cx="$m" cy="$m" r="$r" fill="none" stroke="#8889"/>',
            l=svg.number(center - 12),
            t=svg.number(center - radius + 2),
            w="12",
            m=svg.number(center),
            r=svg.number(radius),
        )
    ]
    edges = _strongest(adjacency, n_edges)
    strongest = edges[0][0] if edges else 1.0
    for weight, first, second in reversed(edges):
        (x1, y1), (x2, y2) = points[[first, second]]
        drawn.append(
            fill(
                '<path class="edge" fill="none" stroke="#1f5fa8" stroke-width="$w" '
                'stroke-opacity="$o" d="M$x1 ${y1}L$x2 $y2"><title>$hint</title></path>',
                w=svg.number(0.5 + 4.0 * weight / strongest),
                o=f"{0.2 + 0.7 * weight / strongest:.2f}",
                x1=svg.number(x1),
                y1=svg.number(y1),
                x2=svg.number(x2),
                y2=svg.number(y2),
                hint=f"{ELECTRODES[first]} to {ELECTRODES[second]}: {weight:.3f}",
            )
        )
    for name, (x, y) in zip(ELECTRODES, points, strict=True):
        drawn.append(svg.circle(x, y, 10, "electrode matters" if name in channels else "electrode"))
        drawn.append(svg.text(x, y + 3, name, "middle", "electrode-name"))
    names = ", ".join(f"{ELECTRODES[i]} to {ELECTRODES[j]}" for _, i, j in edges[:3]) or "none"
    return svg.figure(
        size,
        size,
        "Learned graph of electrodes",
        f"Strongest connections: {names}",
        drawn,
        css_class="headplot",
    )


def _flat_positions() -> NDArray[np.float64]:
    """Project the electrodes on a plane, to the right and down, 1 at the rim of the head."""
    angle = np.arccos(POSITIONS[:, 2:])
    right_and_down = POSITIONS[:, :2] * (1, -1) / np.maximum(np.sin(angle), 1e-9)
    return np.asarray(np.rad2deg(angle) / RIM_DEG * right_and_down)


def _strongest(adjacency: NDArray[np.float32] | None, n_edges: int) -> list[tuple[float, int, int]]:
    if adjacency is None:
        return []
    weights = np.maximum(adjacency, adjacency.T)
    pairs = [
        (float(weights[i, j]), int(i), int(j)) for i, j in zip(*np.triu_indices(19, 1), strict=True)
    ]
    return sorted((pair for pair in pairs if pair[0] > 0), reverse=True)[:n_edges]


def _curve_points(
    points: Sequence[Mapping[str, float]],
) -> tuple[list[float], NDArray[np.float64]]:
    """Return the highest rates and sensitivities reached from the highest threshold down.

    Below a threshold at which alarms merge both may fall again; nobody operates there.
    """
    defined = [
        (point["fa_per_24h"], point["sensitivity"])
        for point in sorted(points, key=lambda point: -point.get("threshold", 0.0))
        if point["fa_per_24h"] is not None and point["sensitivity"] is not None
    ]
    rates, shares = np.maximum.accumulate(np.array(defined).reshape(-1, 2), axis=0).T
    return rates.tolist(), shares


def _x_of_rate(fa_per_24h: float) -> float:
    clipped = min(max(fa_per_24h, LEAST_PER_24H), MOST_PER_24H)
    return LEFT + (RIGHT - LEFT) * log10(clipped / LEAST_PER_24H) / log10(
        MOST_PER_24H / LEAST_PER_24H
    )


def _y_of_share(share: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(BOTTOM - (BOTTOM - TOP) * np.asarray(share))


def _share_axis(name: str) -> list[Html]:
    drawn = []
    for share in svg.ticks(0.0, 1.0, 5):
        y = float(_y_of_share(share))
        drawn.append(svg.line(LEFT, y, RIGHT, y))
        drawn.append(svg.text(LEFT - 6, y + 4, f"{share:g}", "end", "tick"))
    middle = (TOP + BOTTOM) / 2
    name_mark = fill(
        '<text class="axis-name" transform="translate(14 $y) rotate(-90)" text-anchor="middle" '
        'fill="currentColor">$name</text>',
        y=svg.number(middle),
        name=name,
    )
    return [*drawn, name_mark]


def _linear_axis(name: str) -> list[Html]:
    drawn = [
        svg.text(LEFT + (RIGHT - LEFT) * share, BOTTOM + 16, f"{share:g}", "middle", "tick")
        for share in svg.ticks(0.0, 1.0, 5)
    ]
    return [*drawn, svg.text((LEFT + RIGHT) / 2, BOTTOM + 36, name, "middle", "axis-name")]


def _rate_axis() -> list[Html]:
    drawn = []
    for rate in (0.1, 1.0, 10.0, 100.0):
        drawn.append(svg.line(_x_of_rate(rate), TOP, _x_of_rate(rate), BOTTOM))
    for rate in TARGETS_PER_24H:
        drawn.append(svg.line(_x_of_rate(rate), TOP, _x_of_rate(rate), BOTTOM, "target"))
    for rate in (0.1, *TARGETS_PER_24H, 30.0, 100.0, 300.0):
        label = "≤0.1" if rate == LEAST_PER_24H else f"{rate:g}"
        drawn.append(svg.text(_x_of_rate(rate), BOTTOM + 16, label, "middle", "tick"))
    name = svg.text((LEFT + RIGHT) / 2, BOTTOM + 36, "false alarms per 24 h", "middle", "axis-name")
    return [*drawn, name]


def _key(name: str, index: int) -> list[Html]:
    # Top left: a curve of sensitivity against alarms has nothing there unless it is perfect.
    y = TOP + 16 + 17 * index
    x = np.array([LEFT + 10, LEFT + 32])
    color = COLORS[index % len(COLORS)]
    swatch = svg.polyline(x, np.array([y, y]), f"curve s{index + 1}", color)
    return [swatch, svg.text(LEFT + 38, y + 4, name, css_class="tick")]
