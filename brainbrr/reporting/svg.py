"""Drawing primitives: SVG elements as text, coordinates in user units, y downwards.

Colors are classes (`s1`, `truth`, ...) that the report's style sheet resolves for light, dark and
print; the attribute next to each class is for viewers without the style sheet.
"""

from collections.abc import Iterable
from itertools import count

import numpy as np
from numpy.typing import NDArray

from brainbrr.reporting.markup import Html, fill, join

Floats = NDArray[np.floating]


def figure(
    width: float,
    height: float,
    title: str,
    description: str,
    content: Iterable[Html],
    *,
    css_class: str = "",
    **data: object,
) -> Html:
    """Build an SVG image with an accessible title and description; `data` becomes `data-*`."""
    attributes = join(
        fill(' data-$name="$value"', name=name.replace("_", "-"), value=value)
        for name, value in data.items()
    )
    return fill(
        '<svg xmlns="$namespace" class="figure $css_class" viewBox="0 0 $width $height" role="img" '
        'aria-label="$title. $description" font-family="system-ui, sans-serif" font-size="12"'
        "$attributes><title>$title</title><desc>$description</desc>$content</svg>",
        namespace="http://www.w3.org/2000/svg",
        css_class=css_class,
        width=number(width),
        height=number(height),
        title=title,
        description=description,
        attributes=attributes,
        content=join(content, "\n"),
    )


def number(value: float) -> str:
    """Format a coordinate with at most one decimal, without a trailing zero."""
    return f"{value:.1f}".removesuffix(".0")


def line(x1: float, y1: float, x2: float, y2: float, css_class: str = "grid") -> Html:
    """Draw a straight line."""
    d = f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}"
    return fill('<path class="$c" fill="none" stroke="#8886" d="$d"/>', c=css_class, d=d)


def rectangle(
    x: float, y: float, width: float, height: float, *, css_class: str, color: str
) -> Html:
    """Draw a filled rectangle, at least one unit wide."""
    return fill(
        '<rect class="$c" x="$x" y="$y" width="$w" height="$h" fill="$f"/>',
        c=css_class,
        x=number(x),
        y=number(y),
        w=number(max(width, 1.0)),
        h=number(height),
        f=color,
    )


def text(x: float, y: float, content: str, anchor: str = "start", css_class: str = "label") -> Html:
    """Write a label; `y` is its base line."""
    return fill(
        '<text class="$c" x="$x" y="$y" text-anchor="$a" fill="currentColor">$content</text>',
        c=css_class,
        x=number(x),
        y=number(y),
        a=anchor,
        content=content,
    )


def circle(
    x: float, y: float, radius: float, css_class: str, hint: str = "", *, hollow: bool = False
) -> Html:
    """Draw a dot, with a hint shown on hovering."""
    return fill(
        '<circle class="$c" cx="$x" cy="$y" r="$r" $colors>$hint</circle>',
        colors=Html('fill="none" stroke="currentColor"' if hollow else 'fill="currentColor"'),
        c=css_class,
        x=number(x),
        y=number(y),
        r=number(radius),
        hint=fill("<title>$hint</title>", hint=hint) if hint else Html(""),
    )


def polyline(x: Floats, y: Floats, css_class: str, stroke: str = "currentColor") -> Html:
    """Draw a line through points, to half a unit; a coordinate that is not finite breaks it."""
    return fill(
        '<path class="$c" fill="none" stroke="$s" vector-effect="non-scaling-stroke" '
        'transform="scale(.5)" d="$d"/>',
        c=css_class,
        s=stroke,
        d=path(2 * x, 2 * y),
    )


def path(x: Floats, y: Floats) -> str:
    """Return path data through points rounded to whole units, each relative to the previous one,
    which is the shortest notation."""
    finite = np.isfinite(x) & np.isfinite(y)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]])))
    return "".join(_stroke(x[first:last], y[first:last]) for first, last in edges.reshape(-1, 2))


def _stroke(x: Floats, y: Floats) -> str:
    points = np.rint(np.stack([x, y], axis=1)).astype(np.int64)
    changes = np.any(np.diff(points, axis=0) != 0, axis=1)
    points = points[np.concatenate([[True], changes])]
    moves = np.diff(points, axis=0).ravel().tolist() or [0, 0]
    # A minus sign separates numbers as well as a space does.
    text = " ".join(map(str, moves)).replace(" -", "-")
    return f"M{points[0][0]} {points[0][1]}l{text}"


def ticks(start: float, stop: float, n_ticks: int = 6) -> list[float]:
    """Return about `n_ticks` round values in `[start, stop]`, in steps of 1, 2 or 5 times a power
    of ten."""
    rough = max(stop - start, 1e-9) / n_ticks
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = int(np.ceil(start / step - 1e-9))
    values: list[float] = []
    for index in count(first):
        if index * step > stop + step * 1e-9:
            return values
        values.append(float(index * step))
    return values
