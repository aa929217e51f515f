"""YAML of plain values only: no tags, aliases, repeated keys, depth or control characters.

What a stranger wrote is read here; everything that YAML offers beyond mappings, lists, numbers,
words and truth values is a way to harm, and nothing a detector needs.
"""

from typing import Any

import yaml

from brainbrr.release.refusals import FETCH_AGAIN, UnsafeDescription, shown

MAX_DEPTH = 8
PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool")}
PLAIN_TAGS.add("tag:yaml.org,2002:null")


class _PlainLoader(yaml.SafeLoader):
    """The safe loader, with everything refused that is not plain."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.YAMLError("an anchor or alias")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"more than {MAX_DEPTH} levels")
        node = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and node.tag not in PLAIN_TAGS:
            raise yaml.YAMLError(f"the tag {shown(node.tag)}")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if not all(isinstance(key, str) for key in keys):
            raise yaml.YAMLError("a key that is no word")
        if len(set(keys)) != len(keys):
            raise yaml.YAMLError(f"the key {shown(max(keys, key=keys.count))} twice")
        return super().construct_mapping(node, deep=deep)


def read_plain_yaml(text: str) -> Any:
    """The values in a YAML text.

    Raises:
        UnsafeDescription: it is no YAML, or more than plain values.
    """
    try:
        value = yaml.load(text, Loader=_PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        raise UnsafeDescription(
            "plain YAML: numbers, words, lists and mappings",
            " ".join(str(error).split())[:160],
            FETCH_AGAIN,
        ) from error
    _require_printable(value)
    return value


def _require_printable(value: Any) -> None:
    """Text that could move a terminal's cursor or turn a line around is no word."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for part in value:
            _require_printable(part)
    elif isinstance(value, str) and not value.isprintable():
        raise UnsafeDescription("printable text", shown(value), FETCH_AGAIN)
