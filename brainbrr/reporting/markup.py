"""HTML that is escaped unless it says it is HTML."""

import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template


class Html(str):
    """Text that is already HTML or SVG; every other value is escaped when it is filled in."""

    __slots__ = ()


def fill(template: str, **values: object) -> Html:
    """Fill `$name` places with values, escaping each that is not `Html`."""
    safe = {name: quoted(value) for name, value in values.items()}
    return Html(Template(template).substitute(safe))


def quoted(value: object) -> Html:
    """A value as HTML: itself if it is `Html`, else its text with `& < > " '` escaped."""
    return value if isinstance(value, Html) else Html(escape(str(value), quote=True))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Values as one piece of HTML, each escaped unless it is `Html`."""
    return Html(separator.join(quoted(part) for part in parts))


def embedded_json(value: object) -> Html:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def template(name: str) -> str:
    """The text of a template that ships with the package."""
    return (files("brainbrr.reporting") / "templates" / name).read_text(encoding="utf-8")
