"""Ways to predict: recorded in the ledger, never mixed in one folder, their cost on request."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]
GOLDEN = Path(__file__).parents[1] / "release" / "golden" / "schema_2"


@pytest.fixture
def predict(command: Command, tmp_path: Path, write_edf: Callable[..., Path]) -> Command:
    """Predicts one recording of 9 s into `out`, with other options."""
    write_edf(tmp_path / "in" / "a.edf", seconds=9)

    def run(*options: str) -> tuple[int, str, str]:
        return command("predict", f"detector={GOLDEN}", "input=in", "output=out", *options)

    return run


def makers(folder: Path) -> list[dict[str, str]]:
    rows = (folder / "predictions.jsonl").read_text().splitlines()
    return [json.loads(row)["maker"] for row in rows if "maker" in row]


def test_the_way_is_told_and_another_is_never_mixed_in(predict: Command, tmp_path: Path) -> None:
    assert predict()[0] == 0
    before = (tmp_path / "out" / "a_events.tsv").stat().st_mtime_ns
    for other, name in (("tiling=long", "tiling"), ("precision=bf16", "precision")):
        code, _, message = predict(other)
        assert code == 2
        assert f"another {name}" in message
    assert (tmp_path / "out" / "a_events.tsv").stat().st_mtime_ns == before
    code, message, _ = predict(
        "reading=encode_once", "precision=bf16", "overwrite=true"
    )  # a former name
    assert code == 0
    assert "1 of 1 recordings annotated" in message
    ways = [(maker["tiling"], maker["precision"]) for maker in makers(tmp_path / "out")]
    assert ways == [("windows", "fp32"), ("long", "bf16")]


def test_a_misspelt_way_is_a_users_error(predict: Command) -> None:
    code, _, message = predict("tiling=once")
    assert code == 2
    assert "windows or long" in message
    code, _, message = predict("precision=int8")
    assert code == 2
    assert "quantize=int8" in message


def test_doctor_tells_what_the_faster_ways_change(
    command: Command, tmp_path: Path, write_edf: Callable[..., Path]
) -> None:
    write_edf(tmp_path / "in" / "a.edf", seconds=9)
    _, message, _ = command("doctor", f"detector={GOLDEN}", "input=in", "paths.root=.")
    for way in ("precision=bf16", "tiling=long"):
        (row,) = (line for line in message.splitlines() if way in line)
        assert "probability differs by" in row
        assert "events for" in row


def test_doctor_says_where_there_is_nothing_to_measure_on(command: Command) -> None:
    code, message, _ = command("doctor", f"detector={GOLDEN}", "input=nowhere", "paths.root=.")
    assert code == 1
    assert "nowhere, which does not exist" in " ".join(message.split())  # however it wraps
