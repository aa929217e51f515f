"""The learned graph of electrodes over a window: its mean in parts, and each electrode's ties."""

import numpy as np
from numpy.typing import NDArray

from brainbrr.reporting import svg
from brainbrr.reporting.markup import Html, fill
from brainbrr.signal.electrodes import ELECTRODES

N_PARTS = 4
"""Parts of the window whose mean adjacency is shown as a matrix."""
N_COLUMNS = 240
"""Columns of the figure over time, each the mean of its frames."""
WIDTH, LEFT, RIGHT, TOP = 1000.0, 40.0, 980.0, 40.0
CELL, PROBABILITY_HEIGHT = 12.0, 60.0
SIDE = CELL * len(ELECTRODES)


def graph_figure(
    adjacency: NDArray[np.float32],
    probability: NDArray[np.float32],
    label: NDArray[np.bool_],
    *,
    name: str,
    start_s: float,
    rate_hz: float,
) -> Html:
    """Draw the ties between electrodes over time, with probability and annotation below.

    Args:
        adjacency: `(frames, 19, 19)` weights.
        probability, label: `(samples,)` over the same time.
        name: of the recording.
        start_s: time of the first sample.
        rate_hz: of the samples.
    """
    n_samples = len(probability)
    parts = np.array_split(adjacency, N_PARTS)
    edges_s = start_s + np.linspace(0, n_samples / rate_hz, N_PARTS + 1)
    strength = adjacency.sum(2).T
    columns = np.array_split(strength, min(N_COLUMNS, len(adjacency)), axis=1)
    ties = np.stack([column.mean(1) for column in columns], axis=1)
    highest = max(float(part.mean(0).max()) for part in parts)
    drawn = [svg.text(LEFT, 14, name), *_names(TOP)]
    for index, part in enumerate(parts):
        x = LEFT + index * (RIGHT - LEFT) / N_PARTS
        span = f"{edges_s[index]:.0f} to {edges_s[index + 1]:.0f} s"
        drawn.append(svg.text(x, TOP - 6, span, css_class="tick"))
        drawn += _cells(part.mean(0), x, TOP, (CELL, CELL), highest, "tie")
    below = TOP + SIDE + 30
    width = RIGHT - LEFT
    scales = f"darkest: weight {highest:.2f} above, sum of ties {ties.max():.2f} below"
    drawn += [svg.text(LEFT, below - 6, scales, css_class="tick"), *_names(below)]
    drawn += _cells(ties, LEFT, below, (width / ties.shape[1], CELL), ties.max(), "strength")
    base = below + SIDE + 8 + PROBABILITY_HEIGHT
    for first, last in np.flatnonzero(np.diff(label, prepend=False, append=False)).reshape(-1, 2):
        x, length = (width * float(n) / n_samples for n in (first, last - first))
        drawn.append(
            svg.rectangle(
                LEFT + x, base - PROBABILITY_HEIGHT, length, PROBABILITY_HEIGHT,
                css_class="truth", color="#2a7d4f44",
            )
        )  # fmt: skip
    time = LEFT + width * np.arange(n_samples) / n_samples
    drawn.append(svg.polyline(time, base - PROBABILITY_HEIGHT * probability, "probability"))
    for time_s in svg.ticks(float(edges_s[0]), float(edges_s[-1]), 8):
        x = LEFT + width * (time_s - start_s) * rate_hz / n_samples
        drawn.append(svg.text(x, base + 15, f"{time_s:g} s", "middle", "tick"))
    title = "Learned graph at the edge of a seizure"
    return svg.figure(WIDTH, base + 22, title, name, drawn, css_class="plot")


def _names(top: float) -> list[Html]:
    rows = enumerate(ELECTRODES, 1)
    return [svg.text(LEFT - 6, top + CELL * n - 2, name, "end", "tick") for n, name in rows]


def _cells(
    values: NDArray[np.float32],
    left: float,
    top: float,
    size: tuple[float, float],
    highest: float,
    css_class: str,
) -> list[Html]:
    """Draw a matrix: the darker a cell, the higher its value; zeros are left white."""
    return [
        fill(
            '<rect class="$c" x="$x" y="$y" width="$w" height="$h" fill="#1f5fa8" '
            'fill-opacity="$o"/>',
            c=css_class,
            x=f"{left + size[0] * column:.2f}",
            y=f"{top + size[1] * row:.2f}",
            w=f"{size[0]:.2f}",
            h=f"{size[1]:.2f}",
            o=f"{values[row, column] / highest:.3f}",
        )
        for row, column in zip(*np.nonzero(values > 0), strict=True)
    ]
