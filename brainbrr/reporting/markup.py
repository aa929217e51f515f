"""HTML from templates; every value that is not `Html` is escaped."""

import json
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template


class Html(str):
    """Text that is already HTML or SVG; every other value is escaped when filled in."""

    __slots__ = ()


def fill(template: str, **values: object) -> Html:
    """Replace each `$name` by its value, escaped unless it is `Html`."""
    escaped = {name: quoted(value) for name, value in values.items()}
    return Html(Template(template).substitute(escaped))


def quoted(value: object) -> Html:
    """Return `Html` as it is, any other value as text with `& < > " '` escaped."""
    return value if isinstance(value, Html) else Html(escape(str(value), quote=True))


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Join values, each escaped unless it is `Html`."""
    return Html(separator.join(quoted(part) for part in parts))


def embedded_json(value: object) -> Html:
    """Format JSON for a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def template(name: str) -> str:
    """Read a template of this package."""
    return (files("brainbrr.reporting") / "templates" / name).read_text(encoding="utf-8")
