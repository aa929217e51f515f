"""The Lab Streaming Layer, against a real outlet on this machine's loopback."""

import importlib.util
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from brainbrr.errors import InvalidInput, Unavailable
from brainbrr.streaming import lsl_source as stream_lsl
from brainbrr.streaming.lsl_source import LslInlet
from tests.streaming.stream_reference import LABELS

LOOPBACK = """
[multicast]
ResolveScope = machine
[lab]
KnownPeers = {127.0.0.1}
[log]
level = -3
"""

PROLOGUE = """
import time
import numpy as np
import pylsl
from brainbrr.streaming.lsl_source import *

def outlet(labels, rate=256.0, unit="microvolts", name="Amplifier", source="serial-1", n=19):
    info = pylsl.StreamInfo(name, "EEG", n, rate, "float32", source)
    if labels:
        info.set_channel_labels(list(labels))
        info.set_channel_units(unit)
    return pylsl.StreamOutlet(info)

def heard(inlet, n_wanted, seconds=10.0):
    chunks, until = [], time.monotonic() + seconds
    while sum(c.eeg.shape[1] for c in chunks) < n_wanted and time.monotonic() < until:
        chunks += inlet.read()
        time.sleep(0.01)
    return chunks

def send(out, eeg, time_s):
    out.push_chunk(np.ascontiguousarray(eeg.T), time_s + (eeg.shape[1] - 1) / 256.0)

LABELS = {labels!r}
eeg = np.random.default_rng(0).standard_normal((19, 1024)).astype("f4")
"""


@pytest.fixture
def on_loopback(tmp_path):
    """Runs a script with liblsl held to this machine; skips where it cannot be loaded."""
    if importlib.util.find_spec("pylsl") is None:
        pytest.skip("pylsl, the extra `lsl`, is not installed")
    config = tmp_path / "lsl_api.cfg"
    config.write_text(LOOPBACK)

    def run(script):
        result = subprocess.run(
            [sys.executable, "-c", PROLOGUE.format(labels=LABELS) + textwrap.dedent(script)],
            env={**os.environ, "LSLAPICFG": str(config)}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        if "liblsl" in result.stderr and "ImportError" in result.stderr:
            pytest.skip(f"liblsl cannot be loaded: {result.stderr.splitlines()[-1]}")
        assert result.returncode == 0, result.stderr[-2000:]
        return result.stdout

    return run


def test_samples_names_unit_and_gaps_come_through(on_loopback):
    on_loopback("""
        out = outlet(LABELS, unit="millivolts")
        inlet = LslInlet("Amplifier", timeout_s=10.0)
        assert (inlet.labels, inlet.rate_hz, inlet.unit) == (LABELS, 256.0, "mV")
        assert inlet.read() == []
        begin = pylsl.local_clock()
        send(out, eeg[:, :512], begin)
        send(out, eeg[:, 512:], begin + 2.0 + 7.5)
        chunks = heard(inlet, 1024)
        np.testing.assert_array_equal(np.concatenate([c.eeg for c in chunks], axis=1), eeg)
        times = [c.time_s for c in chunks]
        assert abs(times[-1] - times[0] - 9.5) < 0.01, times
        assert inlet.start is not None
        inlet.close()
    """)


@pytest.mark.slow
def test_a_sender_that_was_restarted_goes_on_behind_a_gap(on_loopback):
    on_loopback("""
        out = outlet(LABELS)
        inlet = LslInlet("Amplifier", timeout_s=10.0)
        send(out, eeg[:, :256], 5000.0)
        before = heard(inlet, 256)
        del out
        time.sleep(0.5)
        out = outlet(LABELS)
        out.wait_for_consumers(10.0)
        send(out, eeg[:, 256:512], 20.0)
        after = heard(inlet, 256)
        got = np.concatenate([c.eeg for c in after], axis=1)
        np.testing.assert_array_equal(got, eeg[:, 256:512])
        gap_s = after[0].time_s - before[-1].time_s
        assert 1.0 <= gap_s < 15.0, gap_s
    """)


def test_refusals(on_loopback):
    on_loopback("""
        def refused(kind, part, action):
            try:
                action()
            except kind as error:
                assert part in str(error), str(error)
            else:
                raise AssertionError(kind)

        refused(NotFound, "a stream named Nobody", lambda: LslInlet("Nobody", timeout_s=0.2))
        plain = outlet(None, name="Plain", source="2")
        refused(InvalidInput, "names of 19 channels", lambda: LslInlet("Plain", timeout_s=10.0))
        named = LslInlet("Plain", timeout_s=10.0, labels=LABELS, unit="V")
        assert (named.labels, named.unit) == (LABELS, "V")
        markers = outlet(LABELS, rate=0.0, name="Markers", source="3")
        refused(InvalidInput, "a steady rate", lambda: LslInlet("Markers", timeout_s=10.0))
    """)


class StandIn:
    """An inlet that hands out prepared answers."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def pull_chunk(self, **_):
        return self.answers.pop(0) if self.answers else ([], [])


def inlet_of(*answers):
    inlet = LslInlet.__new__(LslInlet)
    inlet._inlet, inlet.rate_hz, inlet.start = StandIn(*answers), 256.0, None
    inlet._offset_s, inlet._due_s, inlet._heard_s = 0.0, None, 0.0
    return inlet


def test_another_rate_shows_in_the_time_stamps():
    stamps = (np.arange(512) / 512.0).tolist()
    with pytest.raises(InvalidInput, match="512 Hz by its time stamps"):
        inlet_of((np.zeros((512, 19)), stamps)).read()


def test_without_the_library_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(stream_lsl, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"pip install 'brainbrr\[lsl\]'"):
        LslInlet("Amplifier", timeout_s=0.1)
