"""What `brainbrr watch` tells, and when."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from brainbrr.cli import watch_display
from brainbrr.cli.watch_display import WatchDisplay, clock
from brainbrr.events.event import Event
from brainbrr.streaming.detector_stream import StreamUpdate
from brainbrr.streaming.live_trace import TracePart

STREAM = SimpleNamespace(look_latency_s=14.0, event_latency_s=80.0, settling_s=30.0, time_s=3700.0)


def update(time_s, *, events=(), suspected=(), state="background"):
    part = TracePart(time_s, np.full(32, 0.75, dtype=np.float32))
    return StreamUpdate(time_s, time_s - 4, state, (), part, events, suspected, 18, False)


@pytest.fixture
def message(monkeypatch):
    """Shows updates and gives what was printed."""

    def show(*updates, resumes_s=0.0, terminal=False):
        file = io.StringIO()
        console = Console(file=file, width=120, force_terminal=terminal)
        monkeypatch.setattr(watch_display, "results_console", lambda: console)
        with WatchDisplay(STREAM, resumes_s=resumes_s) as display:
            for each in updates:
                display.show(each)
        display.summary([Event(1.0, 2.0)], "events.tsv")
        return file.getvalue()

    return show


def test_the_clock():
    assert clock(3725.9) == "01:02:05"


def test_latencies_come_first_and_the_sum_last(message):
    lines = message().splitlines()
    assert lines[0].startswith("alarms within 14.0 s, ")
    assert "events final within 80.0 s of their end; mains detected in the first 30 s" in lines[0]
    assert lines[-1] == "01:01:40 read, 1 events, written to events.tsv"


def test_an_alarm_once_and_its_event_when_certain(message):
    growing = [update(60 + i, suspected=(Event(50.0, 5.0 + i),), state="seizure") for i in range(3)]
    text = message(*growing, update(90.0, events=(Event(50.5, 12.0, "sz", 0.81, ("F7", "T3")),)))
    assert text.count("alarm    00:00:50  seizure suspected") == 1
    assert "seizure  00:00:50 to 00:01:02  confidence 0.81  F7, T3" in text


def test_a_second_seizure_is_a_second_alarm(message):
    text = message(update(60, suspected=(Event(50, 5),)), update(99, suspected=(Event(90, 5),)))
    assert text.count("alarm") == 3  # the first line names alarms too


def test_what_a_resumed_table_holds_is_not_repeated(message):
    text = message(
        update(60.0, suspected=(Event(50.0, 5.0),), events=(Event(20.0, 5.0),)), resumes_s=100.0
    )
    assert "seizure" not in text
    assert "resuming after 00:01:40" in text


def test_a_terminal_has_a_live_line(message):
    text = message(update(60.0, suspected=(Event(50.0, 9.0),), state="seizure"), terminal=True)
    assert "0.75" in text
    assert "seizure since 00:00:50" in text
    assert "18 electrodes" in text
