"""A detector's stream beside the same recordings annotated as a whole.

    python benchmarks/streaming.py DETECTOR RECORDING [RECORDING ...]

First table, on the first recording: chunks of 0.1, 1 and 7.3 s and all at once; the largest
difference of the fixed trace and whether events are equal (to all at once), speed against real time
and how long a chunk takes, both in processor time: with one thread that is the time an idle machine
needs. Second table, on every recording: the stream's events
held against those of the whole (`Detector.annotate`). Third table, on every recording: the seconds
after which the running scale of every electrode stays near that of the whole recording.
"""

import argparse
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import brainbrr
from brainbrr.data.recordings.recording import Recording
from brainbrr.events.event import Event
from brainbrr.inference.detector import Detector
from brainbrr.inference.prepared_eeg import prepared
from brainbrr.streaming.live_preparation import PreparedChunk
from brainbrr.streaming.live_windows import RunningScale

CHUNKS_S = (0.1, 1.0, 7.3)
NEAR = (0.25, 0.1)


@dataclass(frozen=True)
class Heard:
    trace: NDArray[np.float32]
    events: list[Event]
    chunk_ms: NDArray[np.float64]
    processor_s: float


def hear(detector: Detector, recording: Recording, chunk_s: float) -> Heard:
    stream = brainbrr.open_stream(detector, recording.labels, recording.rate_hz)
    n_chunk = max(round(chunk_s * recording.rate_hz), 1)
    updates, taken = [], []
    begin = time.process_time()
    for first in range(0, recording.eeg_uv.shape[1], n_chunk):
        pushed = time.process_time()
        updates.append(stream.push(recording.eeg_uv[:, first : first + n_chunk]))
        taken.append(1e3 * (time.process_time() - pushed))
    updates.append(stream.finish())
    return Heard(
        np.concatenate([part.probability for update in updates for part in update.fixed]),
        [event for update in updates for event in update.events],
        np.array(taken),
        time.process_time() - begin,
    )


def partners(ours: list[Event], theirs: list[Event]) -> list[tuple[Event, Event]]:
    """Events that overlap, each used once."""
    pairs, left = [], list(theirs)
    for event in ours:
        for other in left:
            if event.onset_s < other.offset_s and other.onset_s < event.offset_s:
                pairs.append((event, other))
                left.remove(other)
                break
    return pairs


def show_chunks(console: Console, detector: Detector, recording: Recording) -> None:
    table = Table("chunk", "max. difference", "events", "x real time", "chunk p50 ms", "p99 ms")
    whole = hear(detector, recording, recording.duration_s)
    for chunk_s in (*CHUNKS_S, recording.duration_s):
        heard = hear(detector, recording, chunk_s)
        equal = "equal" if heard.events == whole.events else "DIFFERENT"
        table.add_row(
            f"{chunk_s:g} s",
            f"{np.abs(heard.trace - whole.trace).max():.2g}",
            f"{len(heard.events)} {equal}",
            f"{recording.duration_s / heard.processor_s:.0f}",
            f"{np.median(heard.chunk_ms):.2f}",
            f"{np.quantile(heard.chunk_ms, 0.99):.1f}",
        )
    console.print(table)


def show_agreement(console: Console, detector: Detector, paths: list[str]) -> None:
    table = Table("recordings", "stream", "whole", "paired", "F1", "onset |s| median", "p90", "r")
    n_stream = n_whole = n_paired = 0
    apart_s, correlations = [], []
    for path in paths:
        recording = brainbrr.read_recording(path)
        heard, trace = hear(detector, recording, 60.0), detector.trace(recording)
        whole = list(detector.events(trace).seizures)
        pairs = partners(heard.events, whole)
        n_stream, n_whole = n_stream + len(heard.events), n_whole + len(whole)
        n_paired += len(pairs)
        apart_s += [abs(a.onset_s - b.onset_s) for a, b in pairs]
        n_common = min(len(heard.trace), len(trace.probability))
        both = np.corrcoef(heard.trace[:n_common], trace.probability[:n_common])
        correlations.append(both[0, 1])
    table.add_row(
        f"{len(paths)}",
        f"{n_stream}",
        f"{n_whole}",
        f"{n_paired}",
        f"{2 * n_paired / max(n_stream + n_whole, 1):.3f}",
        f"{np.median(apart_s) if apart_s else np.nan:.2f}",
        f"{np.quantile(apart_s, 0.9) if apart_s else np.nan:.2f}",
        f"{np.median(correlations):.3f}",
    )
    console.print(table)


def settled_s(detector: Detector, path: str, *, step_s: float = 5.0) -> dict[float, float]:
    """Seconds after which no electrode's running scale strays further from its last one, by how
    far."""
    with prepared(path, detector.preparation) as eeg:
        n_step = round(step_s * detector.preparation.rate_hz)
        running, scales = RunningScale(), []
        for first in range(0, eeg.eeg.shape[1] - n_step + 1, n_step):
            chunk = np.asarray(eeg.eeg[:, first : first + n_step])
            running.add(PreparedChunk(chunk, eeg.observed))
            scales.append(running.read()[1])
    strays = np.abs(np.log(np.array(scales) / scales[-1])).max(axis=1)
    return {
        near: step_s * (1 + max(np.flatnonzero(strays > np.log1p(near)), default=-1) + 1)
        for near in NEAR
    }


def show_settling(console: Console, detector: Detector, paths: list[str]) -> None:
    table = Table("scale within", "recordings", "s median", "p90")
    found = [settled_s(detector, path) for path in paths]
    for near in NEAR:
        seconds = [each[near] for each in found]
        median, most = np.quantile(seconds, [0.5, 0.9])
        table.add_row(f"{near:.0%}", f"{len(seconds)}", f"{median:.0f}", f"{most:.0f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detector")
    parser.add_argument("recordings", nargs="+")
    options = parser.parse_args()
    detector = brainbrr.load_detector(options.detector)
    console = Console(width=120)
    show_chunks(console, detector, brainbrr.read_recording(options.recordings[0]))
    show_agreement(console, detector, options.recordings)
    show_settling(console, detector, options.recordings)


if __name__ == "__main__":
    main()
