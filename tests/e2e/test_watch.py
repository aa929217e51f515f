"""`brainbrr watch` beside a recorder: a process of its own that appends to an EDF."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import brainbrr
from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.windows.index import Windowing
from brainbrr.events.detection import Detection, smooth
from brainbrr.events.tsv import read_tsv
from brainbrr.inference.detector import Detector
from brainbrr.models.registry import build_model, read_model
from brainbrr.release.artifact import save_release
from brainbrr.signal.electrodes import ELECTRODES
from tests.edf_writer import Channel, EdfFile

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECONDS = 90
ROOT = Path(__file__).resolve().parents[2]

RECORDER = """
import sys, time
source, target, record_bytes = open(sys.argv[1], "rb").read(), sys.argv[2], int(sys.argv[3])
header = 256 * 20
with open(target, "wb") as file:
    file.write(source[:100])
    file.flush()
    time.sleep(0.2)
    file.write(source[100:header])
    for at in range(header, len(source), 3 * record_bytes // 2):
        file.write(source[at : at + 3 * record_bytes // 2])
        file.flush()
        time.sleep(0.05)
"""


def eeg(seconds=SECONDS):
    generator = np.random.default_rng(0)
    time_s = np.arange(seconds * 256) / 256.0
    loud = 1.0 + 4.0 * ((time_s % 30.0) > 20.0)
    return generator.standard_normal((19, len(time_s))).cumsum(axis=1) % 50.0 * loud * 2.0


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    channels = [
        Channel(np.rint(row * 10).astype(np.int16), f"EEG {name}-REF", 256)
        for row, name in zip(eeg(), ELECTRODES, strict=True)
    ]
    path = tmp_path_factory.mktemp("recorder") / "whole.edf"
    path.write_bytes(EdfFile(channels, fixed={"n_records": "-1"}).to_bytes())
    return path


@pytest.fixture(scope="module")
def expected(recording):
    """A detector whose thresholds lie where its trace of the recording crosses them."""
    torch.manual_seed(0)
    family, numbers = read_model("v3_tiny")
    network = build_model(family, **numbers).eval()
    detector = Detector(
        network, {"family": family, **numbers}, Preparation(mains=None), Windowing(256.0, 10.0, 5.0)
    )
    steps = np.rint(eeg() * 10).astype(np.float32) * np.float32(0.1)
    labels = [f"EEG {name}-REF" for name in ELECTRODES]

    def hear(detector):
        stream = brainbrr.open_stream(detector, labels, 256.0)
        updates = [stream.push(steps), stream.finish()]
        return updates, [event for update in updates for event in update.events]

    trace = np.concatenate([part.probability for u in hear(detector)[0] for part in u.fixed])
    on, off = np.quantile(smooth(trace, 16), [0.9, 0.7])
    detector = replace(detector, detection=Detection(float(on), float(off), 1.0, 2.0, 0.5))
    events = hear(detector)[1]
    assert len(events) >= 3
    return detector, events


@pytest.fixture(scope="module")
def folder(expected, tmp_path_factory):
    return save_release(expected[0], tmp_path_factory.mktemp("release") / "detector")


def watch(*options, **kwargs):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "brainbrr", "watch", *options], text=True, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs,
    )  # fmt: skip


def record(recording, target):
    return subprocess.Popen(
        [sys.executable, "-c", RECORDER, str(recording), str(target), str(19 * 256 * 2)]
    )


AMPLIFIER = """
import sys, time
import numpy as np
import pylsl
labels, eeg = sys.argv[1].split(","), np.load(sys.argv[2])
info = pylsl.StreamInfo("Amplifier", "EEG", len(labels), 256.0, "float32", "serial-1")
info.set_channel_labels(labels)
info.set_channel_units("microvolts")
outlet = pylsl.StreamOutlet(info)
assert outlet.wait_for_consumers(60.0)
for first in range(0, eeg.shape[1], 256):
    block = np.ascontiguousarray(eeg[:, first : first + 256].T)
    outlet.push_chunk(block, (first + len(block) - 1) / 256.0)
    time.sleep(0.02)
time.sleep(10.0)
"""


def same(annotation, events):
    found = annotation.seizures
    assert len(found) == len(events)
    for ours, theirs in zip(found, events, strict=True):
        assert ours.onset_s == pytest.approx(theirs.onset_s, abs=1e-3)
        assert ours.duration_s == pytest.approx(theirs.duration_s, abs=1e-3)


def test_a_growing_file_gives_the_events_of_the_whole(recording, expected, folder, tmp_path):
    target, output = tmp_path / "growing.edf", tmp_path / "events.tsv"
    watcher = watch(
        f"detector={folder}", f"input={target}", f"output={output}", "timeout_s=6", "poll_s=0.05"
    )
    recorder = record(recording, target)
    stdout, stderr = watcher.communicate(timeout=120)
    assert recorder.wait(timeout=60) == 0
    assert watcher.returncode == 0, stderr
    annotation = read_tsv(output)
    assert annotation.duration_s == SECONDS
    same(annotation, expected[1])
    assert stdout.count("seizure  ") == len(expected[1])
    assert "alarm    " in stdout
    assert f"00:01:30 read, {len(expected[1])} events, written to" in stdout


def test_ctrl_c_finishes_the_table_and_the_next_watch_takes_it_up(
    recording, expected, folder, tmp_path
):
    target, output = tmp_path / "growing.edf", tmp_path / "events.tsv"
    content = recording.read_bytes()
    target.write_bytes(content[: 256 * 20 + 60 * 19 * 512 + 777])
    options = f"detector={folder}", f"input={target}", f"output={output}", "timeout_s=null"
    watcher = watch(*options)
    until = time.monotonic() + 60
    while not output.exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.0)
    watcher.send_signal(signal.SIGINT)
    stdout, stderr = watcher.communicate(timeout=60)
    assert watcher.returncode == 0, stderr
    assert read_tsv(output).duration_s == 60.0
    target.write_bytes(content)
    again = watch(*options, "follow=false")
    stdout, stderr = again.communicate(timeout=60)
    assert again.returncode == 0, stderr
    assert "resuming after 00:01:00" in stdout
    same(read_tsv(output), expected[1])


def test_a_watch_of_nothing_ends_in_one_line(folder, tmp_path):
    watcher = watch(f"detector={folder}", f"input={tmp_path / 'none.edf'}", "timeout_s=0.2")
    _, stderr = watcher.communicate(timeout=60)
    assert watcher.returncode == 2
    assert stderr.splitlines()[-1].startswith("NotFound: expected an EDF or BDF with a complete")


def test_a_live_stream_gives_the_events_of_the_whole(expected, folder, tmp_path, monkeypatch):
    pytest.importorskip("pylsl", reason="pylsl, the extra `lsl`, is not installed")
    config = tmp_path / "lsl_api.cfg"
    config.write_text("[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n")
    monkeypatch.setenv("LSLAPICFG", str(config))
    np.save(tmp_path / "eeg.npy", np.rint(eeg() * 10).astype(np.float32) * np.float32(0.1))
    output = tmp_path / "events.tsv"
    amplifier = subprocess.Popen(
        [sys.executable, "-c", AMPLIFIER, ",".join(ELECTRODES), str(tmp_path / "eeg.npy")]
    )
    watcher = watch(f"detector={folder}", "input=lsl:Amplifier", f"output={output}", "timeout_s=5")
    _, stderr = watcher.communicate(timeout=120)
    amplifier.wait(timeout=60)
    assert watcher.returncode == 0, stderr
    assert read_tsv(output).duration_s == SECONDS
    same(read_tsv(output), expected[1])
