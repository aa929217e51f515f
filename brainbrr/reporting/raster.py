"""Turn the SVG figures of this package into pixels, for viewers without SVG such as TensorBoard.

Understands the elements, path commands and attributes that `svg` writes, not SVG in general.
"""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, PathPatch, Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray

from brainbrr.reporting.markup import Html

POINTS_PER_UNIT = 0.75


def raster_figure(drawing: Html) -> Figure:
    """Draw an SVG figure as a matplotlib figure of the same size."""
    root = fromstring(drawing)
    _, _, width, height = (float(value) for value in root.get("viewBox", "").split())
    figure = Figure(figsize=(width / 96, height / 96), dpi=144)
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    for element in root.iter():
        _draw(axes, element)
    return figure


def _draw(axes: Any, element: Element) -> None:
    kind = element.tag.rpartition("}")[2]
    fill, given = _color(element.get("fill")), element.get("fill-opacity")
    opacity = None if given is None else float(given)
    if kind == "path":
        for stroke in _strokes(element.get("d", "")):
            points = stroke * (0.5 if element.get("transform") == "scale(.5)" else 1.0)
            color, width = _color(element.get("stroke")), float(element.get("stroke-width", 1))
            patch = PathPatch(Path(points), fill=False, ec=color, lw=width * POINTS_PER_UNIT)
            axes.add_patch(patch)
    elif kind == "rect":
        x, y, w, h = (float(element.get(name, 0)) for name in ("x", "y", "width", "height"))
        axes.add_patch(Rectangle((x, y), w, h, fc=fill, alpha=opacity, lw=0))
    elif kind == "circle":
        x, y, radius = (float(element.get(name, 0)) for name in ("cx", "cy", "r"))
        edge = _color(element.get("stroke", "none"))
        axes.add_patch(Circle((x, y), radius, fc=fill, ec=edge, lw=POINTS_PER_UNIT))
    elif kind == "text":
        _write(axes, element)


def _write(axes: Any, element: Element) -> None:
    moved = re.match(r"translate\((\S+) (\S+)\) rotate", element.get("transform", ""))
    x, y = (float(value) for value in moved.groups()) if moved else (
        float(element.get("x", 0)), float(element.get("y", 0))
    )  # fmt: skip
    anchor = {"middle": "center", "end": "right"}.get(element.get("text-anchor", ""), "left")
    axes.text(
        x, y, (element.text or "").replace("$", r"\$"), ha=anchor, va="baseline",
        fontsize=11 * POINTS_PER_UNIT, rotation=90 if moved else 0, rotation_mode="anchor",
    )  # fmt: skip


def _strokes(d: str) -> Iterator[NDArray[np.float64]]:
    """Resolve path data to the points of each stroke: `M`, `L`, and the relative `l` and `v`."""
    for text in d.split("M")[1:]:
        points = np.empty((0, 2))
        for command, numbers in re.findall(r"([MLlv])([^MLlv]*)", "M" + text):
            values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
            pairs = np.reshape([0.0, *values] if command == "v" else values, (-1, 2))
            start = points[-1] if command in "lv" else 0.0
            moves = np.cumsum(pairs, axis=0) if command in "lv" else pairs
            points = np.concatenate([points, start + moves])
        yield points


def _color(name: str | None) -> str:
    return "black" if name in {None, "currentColor"} else str(name)
