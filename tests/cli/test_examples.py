"""The recording in `examples/`: real, small, attributed, and read by the commands as it lies."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from brainbrr.data.recordings.read import open_recording, read_recording
from brainbrr.events.annotation import COLUMNS
from brainbrr.events.event import Event
from brainbrr.events.tsv import read_tsv
from brainbrr.release.artifact import load_release
from brainbrr.signal.electrodes import ELECTRODES

Command = Callable[..., tuple[int, str, str]]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
(RECORDING,) = EXAMPLES.glob("*.edf")
(EVENTS,) = EXAMPLES.glob("*_events.tsv")
MAX_BYTES = 800_000


def test_the_table_is_that_of_the_recording_and_as_brainbrr_writes_it(tmp_path: Path) -> None:
    recording, annotation = read_recording(RECORDING), read_tsv(EVENTS)
    assert annotation.events == (Event(10.0, 40.0),)
    assert annotation.duration_s == recording.eeg_uv.shape[1] / recording.rate_hz == 50.0
    stored = open_recording(RECORDING).events
    assert [(event.onset_s, event.duration_s) for event in stored] == [(10.0, 40.0)]
    annotation.to_tsv(tmp_path / "again.tsv")
    assert (tmp_path / "again.tsv").read_bytes() == EVENTS.read_bytes()
    rows = csv.reader(EVENTS.read_text().splitlines(), delimiter="\t")
    assert tuple(next(rows)) == COLUMNS


def test_the_folder_is_small_and_names_source_and_license() -> None:
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir()) < MAX_BYTES
    text = (EXAMPLES / "README.md").read_text()
    for words in (RECORDING.name, EVENTS.name, "Guttag", "Shoeb", "https://doi.org/10.13026/C2K01R",
                  "Open Data Commons Attribution License v1.0"):  # fmt: skip
        assert words in text


def test_the_header_names_nobody() -> None:
    header = RECORDING.read_bytes()[:256].decode("ascii")
    assert header[8:88].split() == ["X", "X", "X", "X"]
    assert header[88:168].split() == ["Startdate", "X", "X", "X", "X"]


def test_predict_without_a_detector_uses_base_and_shows_the_expert_s_seizure(
    command: Command, tmp_path: Path
) -> None:
    code, shown, _ = command("predict", f"input={EXAMPLES}", "output=events")
    assert code == 0
    name = RECORDING.name
    assert [line.split() for line in shown.splitlines() if "annotated " in line and name in line] \
        == [[name, "annotated", "10.0", "s", "50.0", "s"]]  # fmt: skip
    (table,) = (tmp_path / "events").glob("*.tsv")
    assert table.name == EVENTS.name
    detected = read_tsv(table).seizures
    assert sum(f"{name}  detected" in line for line in shown.splitlines()) == len(detected)
    (made, *_) = (tmp_path / "events" / "predictions.jsonl").read_text().splitlines()
    base = load_release("base", check=False)
    assert json.loads(made)["maker"]["detector"] == base.identity
    assert base.preparation.rate_hz == 256


def test_evaluate_reports_on_the_real_recording(command: Command, tmp_path: Path) -> None:
    code, _, _ = command(
        "evaluate", "data=bids", "data.name=examples", f"data.root={EXAMPLES}", "paths.root=.",
        "output=real",
    )  # fmt: skip
    assert code == 0
    scores = json.loads((tmp_path / "real" / "scores.json").read_text())
    assert scores["files"]["scored"] == 1
    event = scores["szcore"]["event"]["pooled"]
    assert event["ref_true"] == 1
    assert (tmp_path / "real" / "report.html").stat().st_size > 0
    (row,) = (tmp_path / "cache").rglob("manifest.jsonl")
    assert json.loads(row.read_text())["observed"] == [True] * len(ELECTRODES)
