"""Strict JSON returns what was written and nothing that is not plain."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainbrr.release.untrusted import MAX_DEPTH, read_json, sanitize

WORDS = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def depth(value: object) -> int:
    children = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, children), default=0) if isinstance(value, (dict, list)) else 0


@given(PLAIN.filter(lambda value: depth(value) <= MAX_DEPTH))
def test_plain_values_come_back_equal(value: object) -> None:
    assert read_json(json.dumps(value)) == value


@given(st.integers(1, 2 * MAX_DEPTH))
def test_depth_is_bounded(levels: int) -> None:
    text = "[" * levels + "1" + "]" * levels
    if levels <= MAX_DEPTH:
        assert depth(read_json(text)) == levels
    else:
        with pytest.raises(ValueError, match="levels"):
            read_json(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "'c' twice"),
        ("[NaN]", "not finite"),
        ("-Infinity", "not finite"),
        ("1e400", "not finite"),
        ('"\\u202e"', "printable"),
        ('{"\\u0007": 1}', "printable"),
        ("[1] [2]", "Extra data"),
        ("", "Expecting value"),
    ],
)
def test_anything_more_than_plain_is_refused(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read_json(text)


@given(st.text(), st.integers(4, 40))
def test_a_shown_value_is_short_printable_ascii(value: str, n_characters: int) -> None:
    shown = sanitize(value, n_characters)
    assert len(shown) <= n_characters
    assert shown.isascii()
    assert shown.isprintable()


def test_a_number_is_shown_as_it_is() -> None:
    assert sanitize(math.pi) == repr(math.pi)
