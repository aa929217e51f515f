"""Turn the SVG figures of this package into pixels, for viewers without SVG such as TensorBoard.

Understands the elements, path commands and attributes that `svg` writes, not SVG in general.
"""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, fromstring

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from brainbrr.reporting.markup import Html

UNIT = 3
"""Drawn pixels per user unit; halved at the end, which smooths the edges."""
FONT_SIZE = 11


def raster(drawing: Html) -> NDArray[np.uint8]:
    """Draw an SVG figure as pixels `(height, width, 3)`, three for two user units."""
    root = fromstring(drawing)
    _, _, width, height = (float(value) for value in root.get("viewBox", "").split())
    image = Image.new("RGB", (round(width * UNIT), round(height * UNIT)), "white")
    for element in root.iter():
        _draw(image, element)
    return np.asarray(image.reduce(2))


def _draw(image: Image.Image, element: Element) -> None:
    kind = element.tag.rpartition("}")[2]
    draw = ImageDraw.Draw(image, "RGBA")
    fill = _color(element.get("fill"), element.get("fill-opacity"))
    if kind == "path":
        scale = UNIT * (0.5 if element.get("transform") == "scale(.5)" else 1.0)
        width = round(float(element.get("stroke-width", 1)) * UNIT)
        for stroke in _strokes(element.get("d", "")):
            draw.line((stroke * scale).ravel().tolist(), _color(element.get("stroke")), width)
    elif kind == "rect":
        x, y, w, h = (UNIT * float(element.get(key, 0)) for key in ("x", "y", "width", "height"))
        # Its last pixel is the one before the next element's first.
        draw.rectangle((x, y, x + w - 1, y + h - 1), fill)
    elif kind == "circle":
        x, y, radius = (UNIT * float(element.get(key, 0)) for key in ("cx", "cy", "r"))
        edge = _color(element.get("stroke", "none"))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill, edge, UNIT)
    elif kind == "text":
        _write(image, element)


def _write(image: Image.Image, element: Element) -> None:
    moved = re.match(r"translate\((\S+) (\S+)\) rotate", element.get("transform", ""))
    x, y = (float(v) for v in moved.groups()) if moved else (
        float(element.get("x", 0)), float(element.get("y", 0))
    )  # fmt: skip
    place = (x * UNIT, y * UNIT)
    anchor = {"middle": "ms", "end": "rs"}.get(element.get("text-anchor", ""), "ls")
    canvas = image
    if moved:
        # Text that runs upwards is written on the picture turned clockwise.
        canvas = image.transpose(Image.Transpose.ROTATE_270)
        place = (image.height - place[1], place[0])
    font = ImageFont.load_default(FONT_SIZE * UNIT)
    # Pillow's own font lacks these signs.
    text = (element.text or "").replace("\u2264", "<=").replace("\u00b5", "u")
    ImageDraw.Draw(canvas).text(place, text, "black", font, anchor)
    if moved:
        image.paste(canvas.transpose(Image.Transpose.ROTATE_90))


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


def _color(name: str | None, opacity: str | None = None) -> tuple[int, ...] | None:
    if name == "none":
        return None
    color = ImageColor.getrgb("black" if name in {None, "currentColor"} else str(name))
    return color if opacity is None else (*color[:3], round(255 * float(opacity)))
