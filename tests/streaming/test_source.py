"""Listening to a live source: its end, and nothing lost when it resumes."""

import numpy as np

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.events.tsv import read_tsv
from brainbrr.streaming.detector_stream import DetectorStream
from brainbrr.streaming.edf_source import GrowingEdf
from brainbrr.streaming.event_table import EventTable
from brainbrr.streaming.source import listen
from tests.edf_writer import Channel, EdfFile
from tests.streaming.stream_reference import (
    DETECTION,
    LABELS,
    WINDOWING,
    batched,
    eeg_with_bursts,
    loudness,
)


def burst_file(seconds=60, **options):
    eeg_uv = eeg_with_bursts(seconds)
    channels = [
        Channel(np.rint(row * 10).astype(np.int16), label, 256)
        for row, label in zip(eeg_uv, LABELS, strict=True)
    ]
    return EdfFile(channels, **options)


def heard(path, table, *, follow=False, timeout_s=None, stopped=lambda: False):
    source = GrowingEdf(path)
    stream = DetectorStream(
        source.labels, source.rate_hz, unit=source.unit, preparation=Preparation(mains=None),
        windowing=WINDOWING, detection=DETECTION, backend=batched(loudness),
    )  # fmt: skip
    updates = []
    for update in listen(
        stream, source, follow=follow, timeout_s=timeout_s, poll_s=0.01, stopped=stopped
    ):
        table.add(update, source.start)
        updates.append(update)
    return updates


def test_listening_ends_by_silence_by_request_or_with_what_is_there(tmp_path):
    path = tmp_path / "night.edf"
    path.write_bytes(burst_file(30).to_bytes())
    for options in ({"follow": False}, {"follow": True, "timeout_s": 0.05}):
        updates = heard(path, EventTable(None, 0.0), **options)
        assert updates[-1].ended
        assert updates[-1].time_s == 30.0
    asked = iter([False, True])
    updates = heard(path, EventTable(None, 0.0), follow=True, stopped=lambda: next(asked))
    assert updates[-1].ended


def test_a_table_is_taken_up_where_it_was_left(tmp_path):
    path, output = tmp_path / "night.edf", tmp_path / "events.tsv"
    content = burst_file(90).to_bytes()
    path.write_bytes(content[: 256 * 20 + 55 * 19 * 512])
    heard(path, EventTable(output, 30.0))
    early = read_tsv(output)
    assert early.duration_s == 55.0
    assert len(early.seizures) == 2
    path.write_bytes(content)
    seen = []

    class Watched(EventTable):
        def add(self, update, start):
            super().add(update, start)
            seen.append(read_tsv(output).duration_s)

    table = Watched(output, 30.0)
    assert table.resumes_s == 55.0
    heard(path, table)
    assert min(seen) >= 55.0, "the older table stays until it is passed"
    plain = EventTable(tmp_path / "plain.tsv", 30.0)
    heard(path, plain)
    assert output.read_text() == (tmp_path / "plain.tsv").read_text()
    assert len(read_tsv(output).seizures) == 3
