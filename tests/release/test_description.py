"""A description of any schema is read as one of the present schema, and a changed one refused."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

from brainbrr.data.windows.index import Windowing
from brainbrr.release.description import MIGRATIONS, SCHEMA, migrate, read_description, with_digest
from brainbrr.release.released_files import read_description_file
from brainbrr.release.untrusted import InvalidDetector

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def values() -> dict[str, Any]:
    return read_description_file(GOLDEN / f"schema_{SCHEMA}")


def test_every_schema_has_a_way_to_the_present_one() -> None:
    assert len(MIGRATIONS) == SCHEMA - 1
    for schema in range(1, SCHEMA + 1):
        old = read_description_file(GOLDEN / f"schema_{schema}")
        assert old["schema"] == schema
        assert migrate(old)["schema"] == SCHEMA


def test_schemas_2_and_3_describe_the_same_detector(values: dict[str, Any]) -> None:
    older = read_description(read_description_file(GOLDEN / "schema_2"))
    present = read_description(values)
    names = ("model", "preparation", "windowing", "detection", "calibration", "provenance")
    assert all(getattr(older, name) == getattr(present, name) for name in names)
    assert older.identity != present.identity


def test_the_order_of_keys_and_spaces_do_not_change_the_digest(values: dict[str, Any]) -> None:
    turned = json.loads(json.dumps(dict(reversed(values.items())), indent=4))
    assert read_description(turned).identity == values["digest"]


def test_windowing_takes_every_field_with_a_default_as_optional(values: dict[str, Any]) -> None:
    del values["digest"]
    values["windowing"] = {"rate_hz": 256.0, "window_s": 4.0, "stride_s": 2.0}
    windowing = read_description(with_digest(values)).windowing
    assert windowing == Windowing(256.0, 4.0, 2.0)
    values["windowing"] = asdict(windowing)
    assert set(values["windowing"]) == {field.name for field in fields(Windowing)}
    assert read_description(with_digest(values)).windowing == windowing


@pytest.mark.parametrize("value", [0, -1, 1e5, "16", True, None])
def test_a_trace_rate_out_of_bounds_is_refused(values: dict[str, Any], value: object) -> None:
    del values["digest"]
    values["windowing"]["trace_rate_hz"] = value
    with pytest.raises(InvalidDetector, match="windowing.trace_rate_hz between 0.1 and 4096"):
        read_description(with_digest(values))


@pytest.mark.parametrize("text", [None, [], "detector", 3])
def test_only_a_mapping_is_a_description(text: object) -> None:
    with pytest.raises(InvalidDetector, match="a mapping"):
        read_description(text)
