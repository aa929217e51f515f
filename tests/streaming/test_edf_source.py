"""Files that grow while they are recorded: complete records, each read once."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from brainbrr.data.preparation.preparation import Preparation
from brainbrr.data.recordings.edf.reader import EdfBlocks
from brainbrr.data.recordings.refusals import CorruptRecords, NotAnEdf
from brainbrr.errors import InvalidFile, NotFound
from brainbrr.streaming.detector_stream import DetectorStream
from brainbrr.streaming.edf_source import GrowingEdf, await_edf
from tests.edf_writer import Channel, electrode_file, noise
from tests.streaming.stream_reference import (
    DETECTION,
    WINDOWING,
    batched,
    loudness,
)


def drained(source):
    chunks = []
    while new := source.read():
        chunks += new
    return chunks


@pytest.mark.parametrize("declared", ["-1", "0", "2", "6", "4000"])
@pytest.mark.parametrize("bdf", [False, True])
def test_whole_records_are_read_once_whatever_the_header_counts(tmp_path, declared, bdf):
    content = electrode_file(6, bdf=bdf, fixed={"n_records": declared}).to_bytes()
    path, complete = tmp_path / "growing.edf", tmp_path / "complete.edf"
    complete.write_bytes(electrode_file(6, bdf=bdf).to_bytes())
    header = 256 * 20
    path.write_bytes(content[:header])
    source = GrowingEdf(path)
    assert source.read() == []
    chunks = []
    for n_bytes in (700, 5000, 5001, 9000, len(content) - header):
        path.write_bytes(content[: header + n_bytes])
        chunks += source.read()
        n_whole = n_bytes // (19 * 128 * (3 if bdf else 2))
        assert sum(chunk.eeg.shape[1] for chunk in chunks) == 128 * n_whole
    whole = EdfBlocks(complete)
    np.testing.assert_array_equal(
        np.concatenate([chunk.eeg for chunk in chunks], axis=1), whole.read(0, whole.n_samples)
    )
    assert (source.labels, source.rate_hz, source.start) == (whole.labels, 128.0, whole.start)


def test_time_stamps_show_gaps_and_the_start(tmp_path):
    stamps = [0.25, 1.25, 2.25, 10.25, 11.25, 12.25]
    path = tmp_path / "gaps.edf"
    path.write_bytes(electrode_file(6, reserved="EDF+D", stamps=stamps).to_bytes())
    source = GrowingEdf(path)
    chunks = drained(source)
    assert [chunk.time_s for chunk in chunks] == [0.25, 10.25]
    assert [chunk.eeg.shape[1] for chunk in chunks] == [384, 384]
    assert source.start == EdfBlocks(path).start
    stream = DetectorStream(
        source.labels, 128.0, unit="uV", preparation=Preparation(mains=None), windowing=WINDOWING,
        detection=DETECTION, backend=batched(loudness),
    )  # fmt: skip
    for chunk in chunks:
        stream.push(chunk.eeg, time_s=chunk.time_s)
    assert stream.time_s == pytest.approx(13.0)


def test_stamps_that_stand_still_are_left_aside_in_a_continuous_file_only(tmp_path):
    path = tmp_path / "still.edf"
    path.write_bytes(electrode_file(4, reserved="EDF+C", stamps=[0.0] * 4).to_bytes())
    assert sum(chunk.eeg.shape[1] for chunk in drained(GrowingEdf(path))) == 512
    path.write_bytes(electrode_file(4, reserved="EDF+D", stamps=[0.0] * 4).to_bytes())
    with pytest.raises(CorruptRecords, match="an earlier one"):
        drained(GrowingEdf(path))


def test_channels_at_another_rate_are_left_out_by_name(tmp_path):
    content = electrode_file(4)
    slow = Channel(noise(np.random.default_rng(0), 4 * 32), "EEG A1-REF", 32)
    path = tmp_path / "mixed.edf"
    path.write_bytes(replace(content, channels=[*content.channels, slow]).to_bytes())
    source = GrowingEdf(path)
    assert source.left_out == ("EEG A1-REF",)
    assert drained(source)[0].eeg.shape == (19, 512)


def test_long_files_are_read_a_minute_at_a_time(tmp_path):
    path = tmp_path / "long.edf"
    path.write_bytes(electrode_file(150, rate=32).to_bytes())
    sizes = [chunk.eeg.shape[1] / 32 for chunk in drained(GrowingEdf(path))]
    assert sizes == [60, 60, 30]


def test_a_file_that_was_cut_or_exchanged_is_refused(tmp_path):
    path, other = tmp_path / "file.edf", tmp_path / "other.edf"
    content = electrode_file(6).to_bytes()
    for spoil in (
        lambda: path.write_bytes(content[:6000]),
        path.unlink,
        lambda: other.write_bytes(content * 2) and other.replace(path),
    ):
        path.write_bytes(content)
        source = GrowingEdf(path)
        drained(source)
        spoil()
        with pytest.raises(InvalidFile, match="a shorter one, another one, or none"):
            source.read()


def test_the_header_is_awaited(tmp_path):
    path = tmp_path / "late.edf"
    content = electrode_file(2).to_bytes()

    def write():
        for n_bytes in (0, 100, 256, 3000, len(content)):
            time.sleep(0.02)
            path.write_bytes(content[:n_bytes])

    writer = threading.Thread(target=write)
    writer.start()
    source = await_edf(path, timeout_s=20.0, poll_s=0.01)
    writer.join()
    assert len(source.labels) == 19
    with pytest.raises(NotFound, match="none after 0 s"):
        await_edf(tmp_path / "never.edf", timeout_s=0.0, poll_s=0.01)
    (tmp_path / "text.edf").write_bytes(b"x" * 600)
    with pytest.raises(NotAnEdf):
        await_edf(tmp_path / "text.edf", timeout_s=0.0, poll_s=0.01)
