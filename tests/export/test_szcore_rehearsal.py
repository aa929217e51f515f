"""A rehearsal sees what would fail at the benchmark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from brainbrr.cli.health_checks import check_szcore
from brainbrr.errors import InvalidFile
from brainbrr.export.szcore_rehearsal import HEADER, rehearse

SOUND: dict[str, Any] = {
    "title": "a detector",
    "short_title": "detector",
    "image": "ghcr.io/someone/detector:1",
    "authors": [{"given_names": "A", "family_names": "B"}],
    "license": "Apache-2.0",
    "date_released": "2026-01-31",
}
WRITES_TABLE = f"""
import os, sys
row = "0.0000\\t90.0000\\tbckg\\tn/a\\tn/a\\tn/a\\t90.0000"
data, output = sys.argv[1:3]
if not open(os.path.join(data, os.environ["INPUT"]), "rb").read(1) == b"0":
    sys.exit("no EDF")
if open(os.path.join(os.path.dirname(__file__), "detector.onnx"), "rb").read() == b"no model":
    sys.exit("no model")
with open(os.path.join(output, os.environ["OUTPUT"]), "w") as file:
    file.write({HEADER!r} + "\\n" + row + "\\n")
"""


@pytest.fixture
def entry(tmp_path: Path) -> Callable[[str], Path]:
    """Writes an entry around a program, with a model that is only bytes."""

    def write(program: str) -> Path:
        folder = tmp_path / "entry"
        (folder / "app").mkdir(parents=True)
        (folder / "app" / "run.py").write_text(program)
        (folder / "app" / "detector.onnx").write_bytes(b"some model")
        (folder / "Containerfile").write_text("FROM scratch\n")
        (folder / "requirements.txt").write_text("")
        (folder / "algorithm.yaml").write_text(yaml.safe_dump(SOUND))
        return folder

    return write


def test_a_sound_entry_passes_every_step(entry: Callable[[str], Path]) -> None:
    steps = {step.what: step for step in rehearse(entry(WRITES_TABLE))}
    assert all(step.passed is not False for step in steps.values()), steps
    assert "header exact, 0 seizures" in steps["bipolar recording"].detail
    assert "exit code 1: no EDF" in steps["a file that is not an EDF"].detail


@pytest.mark.parametrize(
    ("program", "what", "detail"),
    [
        ("raise SystemExit('no GPU')", "unipolar recording", "no GPU"),
        (WRITES_TABLE.replace("dateTime", "datetime"), "bipolar recording", "header 'onset"),
        (WRITES_TABLE.replace("90.0000", "60.0000"), "unipolar recording", "60.0 s in the table"),
        (
            WRITES_TABLE.replace('sys.exit("no model")', "pass"),
            "a model that does not load",
            "it wrote a table and exited with 0",
        ),
    ],
)
def test_what_would_fail_at_the_benchmark_fails_here(
    entry: Callable[[str], Path], program: str, what: str, detail: str
) -> None:
    step = next(step for step in rehearse(entry(program)) if step.what == what)
    assert step.passed is False
    assert detail in step.detail


def test_a_folder_that_is_no_entry_is_refused_and_doctor_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="without Containerfile"):
        list(rehearse(tmp_path))
    finding = next(check_szcore(str(tmp_path)))
    assert finding.healthy is False
    assert "Export it again" in finding.remedy
    assert list(check_szcore(None)) == []
