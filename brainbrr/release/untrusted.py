"""What comes from strangers: read as strict JSON, shown safely, refused as `InvalidDetector`.

Everything beyond mappings with distinct keys, lists, finite numbers, printable text and booleans is
a way to harm, and nothing a detector needs.
"""

import json
import math
from typing import Any

from brainbrr.errors import InvalidFile

FETCH_AGAIN = "Fetch the detector again from where it was released."
MAX_DEPTH = 8


class InvalidDetector(InvalidFile):
    """A detector whose content is damaged, foreign or hostile."""


def sanitize(value: object, n_characters: int = 80) -> str:
    """Return a foreign value as one short line of printable ASCII, safe to show on a terminal."""
    text = ascii(value)
    return text if len(text) <= n_characters else f"{text[: n_characters - 3]}..."


def read_json(text: str) -> Any:
    """Return the values in a JSON text.

    Raises:
        ValueError: not JSON, or more than plain values.
    """
    try:
        values = json.loads(
            text, object_pairs_hook=distinct, parse_float=_finite, parse_constant=_finite
        )
    except RecursionError as error:
        raise ValueError(f"more than {MAX_DEPTH} levels") from error
    return require_plain(values)


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a mapping; raise ValueError if a key is repeated."""
    values = dict(pairs)
    if len(values) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {sanitize(max(keys, key=keys.count))} twice")
    return values


def require_plain(value: Any, depth: int = 0) -> Any:
    """Return a value unchanged; raise ValueError unless it is plain and at most `MAX_DEPTH` deep.

    Text that could move a terminal's cursor or reverse a line is not plain.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, str):
                raise ValueError(f"the key {sanitize(key)}, which is not text")
            require_plain(key, depth)
            require_plain(child, depth + 1)
    elif isinstance(value, list):
        for child in value:
            require_plain(child, depth + 1)
    elif isinstance(value, str):
        if not value.isprintable():
            raise ValueError(f"text that is not printable: {sanitize(value)}")
    elif not (value is None or isinstance(value, (bool, int, float))):
        raise ValueError(f"a {type(value).__name__}")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {sanitize(text)}, which is not finite")
    return number
