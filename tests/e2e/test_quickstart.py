"""What the demos claim: a detector trained from random weights beats thresholds without learning
on subjects it never saw, and finds the same seizures whatever montage they were recorded in; the
commands of `make demo` end with two reports and a real seizure next to the expert's."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from brainbrr.data.corpora.layouts import bids
from brainbrr.data.recordings.read import read_recording
from brainbrr.events.event import Event
from brainbrr.release.artifact import load_release
from brainbrr.signal.electrodes import ELECTRODES
from brainbrr.signal.labels import derivations
from tests.edf_writer import Channel, EdfFile
from tests.montages import MONTAGES, derive

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the corpus `data/synthetic` and the trained `run`."""
    folder = tmp_path_factory.mktemp("demo")

    def brainbrr(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "brainbrr", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
        )

    brainbrr("synthesize", "output=data/synthetic")
    brainbrr("train", "experiment=from_scratch", "run_dir=run")
    return folder


def test_training_from_scratch_beats_line_length_and_band_power(demo: Path) -> None:
    ours = json.loads((demo / "run" / "scores.json").read_text())
    baselines = json.loads((demo / "run" / "baselines.json").read_text())
    assert set(baselines) == {"line_length", "band_power"}
    path = ("szcore", "event", "subject_mean")
    for other in baselines.values():
        mine, theirs, spread = ours, other, ours["intervals_95"]
        for key in path:
            mine, theirs, spread = mine[key], theirs[key], spread[key]
        assert theirs["f1"] < 0.5
        assert mine["f1"] > theirs["f1"] + 0.2
        assert spread["f1"][0] > theirs["f1"]


def test_make_demo_ends_with_two_reports_and_a_real_seizure(tmp_path: Path) -> None:
    lines = subprocess.run(
        ["make", "-n", "-C", ROOT, "-o", f"{tmp_path}/.ready", "demo", f"DEMO={tmp_path}/demo",
         f"VENV={tmp_path}"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    commands = [line.split()[1:] for line in lines if line.startswith(f"{tmp_path}/bin/brainbrr ")]
    assert [command[0] for command in commands] == ["synthesize", "train", "evaluate", "predict"]
    for command in commands:
        shown = subprocess.run(
            [sys.executable, "-m", "brainbrr", *command],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    assert "annotated" in shown
    for folder in ("run", "real"):
        assert (tmp_path / "demo" / folder / "report.html").stat().st_size > 0
    tuned = load_release(tmp_path / "demo" / "run")
    assert tuned.provenance["trained_on"] == "synthetic, split train, initialized from base"
    scores = json.loads((tmp_path / "demo" / "run" / "scores.json").read_text())
    assert scores["files"]["scored"] == 5


def around_a_seizure(root: Path) -> list[np.ndarray]:
    """`(19, samples)` microvolts of 170 s around the first seizure of each test recording that has
    all electrodes."""
    found = []
    for source in bids.find_recordings(root):
        if source.split != "test" or not source.events:
            continue
        recording = read_recording(source.path)
        channels = {d.plus: i for i, d in enumerate(derivations(recording.labels)) if d is not None}
        if recording.rate_hz == 256 and set(ELECTRODES) <= set(channels):
            first = int(max(source.events[0].onset_s - 70, 0)) * 256
            rows = [channels[name] for name in ELECTRODES]
            found.append(recording.eeg_uv[rows, first : first + 170 * 256])
    return found


def overlap(some: tuple[Event, ...], others: tuple[Event, ...]) -> int:
    """How many of `some` overlap one of `others`."""
    return sum(any(a.onset_s < b.offset_s and b.onset_s < a.offset_s for b in others) for a in some)


def test_events_agree_across_montages(demo: Path, tmp_path: Path) -> None:
    """Measured once: all events of each montage in every other, onsets within 0.25 s (median)."""
    detector = load_release(demo / "run")
    heads = around_a_seizure(demo / "data" / "synthetic")
    events: dict[str, list[tuple[Event, ...]]] = {name: [] for name in MONTAGES}
    for eeg_uv in heads:
        for montage, labels in MONTAGES.items():
            channels = [
                Channel(np.rint(row * 10).clip(-32768, 32767).astype(np.int16), label, 256)
                for label, row in zip(labels, derive(eeg_uv, labels), strict=True)
            ]
            (tmp_path / "a.edf").write_bytes(EdfFile(channels).to_bytes())
            events[montage].append(detector.annotate(tmp_path / "a.edf").events)
    n_common = sum(map(len, events["common"]))
    assert n_common >= len(heads) // 2 > 0
    for montage, found in events.items():
        chain = montage in {"double banana", "CHB-MIT"}
        pairs = list(zip(found, events["common"], strict=True))
        recalled = sum(overlap(common, here) for here, common in pairs)
        confirmed = sum(overlap(here, common) for here, common in pairs)
        n_here = sum(map(len, found))
        assert recalled >= (0.8 if chain else 1.0) * n_common, montage
        assert confirmed >= (0.8 if chain else 1.0) * n_here, montage
