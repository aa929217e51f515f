"""The table of a live signal: complete at every moment, resumed, and never that of another."""

import pytest

from brainbrr.errors import InUse, InvalidFile
from brainbrr.events.event import Event
from brainbrr.events.tsv import read_tsv
from brainbrr.streaming.detector_stream import StreamUpdate
from brainbrr.streaming.event_table import EventTable


def update_at(time_s, *events, ended=False):
    return StreamUpdate(time_s, time_s, "background", (), None, events, (), 19, ended)


def test_the_table_is_there_before_the_first_event_and_after_each(tmp_path):
    output = tmp_path / "events.tsv"
    table = EventTable(output, 10.0)
    table.add(update_at(1.0), None)
    assert "bckg" in output.read_text()
    table.add(update_at(50.0, Event(20.0, 10.0, confidence=0.9)), None)
    assert read_tsv(output).seizures[0].onset_s == 20.0
    table.add(update_at(60.0), None)
    assert read_tsv(output).duration_s == 50.0
    table.add(update_at(70.0, ended=True), None)
    assert read_tsv(output).duration_s == 70.0


def test_a_shorter_hearing_leaves_the_older_table(tmp_path):
    output = tmp_path / "events.tsv"
    first = EventTable(output, 10.0)
    first.add(update_at(100.0, Event(20.0, 10.0), ended=True), None)
    before = output.read_bytes()
    EventTable(output, 10.0).add(update_at(50.0, Event(20.0, 10.0), ended=True), None)
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    "events", [(), (Event(21.0, 10.0),), (Event(20.0, 10.0), Event(50.0, 5.0))]
)
def test_a_table_of_another_recording_is_left_alone(tmp_path, events):
    output = tmp_path / "events.tsv"
    EventTable(output, 10.0).add(update_at(100.0, Event(20.0, 10.0), ended=True), None)
    before = output.read_bytes()
    with pytest.raises(InUse, match="Name another output"):
        EventTable(output, 10.0).add(update_at(120.0, *events), None)
    assert output.read_bytes() == before
    output.write_text("notes of mine\n")
    with pytest.raises(InvalidFile):
        EventTable(output, 10.0)
