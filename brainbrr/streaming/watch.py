"""A live source heard until it falls silent or someone says stop."""

import time
from collections.abc import Callable, Iterator

from brainbrr.streaming.detector_stream import DetectorStream, StreamUpdate
from brainbrr.streaming.source import LiveSource


def listen(
    stream: DetectorStream,
    source: LiveSource,
    *,
    follow: bool,
    timeout_s: float | None,
    poll_s: float,
    stopped: Callable[[], bool],
) -> Iterator[StreamUpdate]:
    """What becomes known of a source, chunk by chunk, and once more when it has ended.

    Args:
        stream: opened for the source's channels, rate and unit.
        source: is closed at the end.
        follow: wait for more where nothing is there; else end there.
        timeout_s: end after so many seconds without a new sample, or None for never.
        poll_s: seconds between looks where nothing is there.
        stopped: asked between chunks; True ends as if the signal had ended.
    """
    heard_s = time.monotonic()
    try:
        while not stopped():
            chunks = source.read()
            for chunk in chunks:
                yield stream.push(chunk.eeg, time_s=chunk.time_s)
            now_s = time.monotonic()
            if chunks:
                heard_s = now_s
            elif not follow or (timeout_s is not None and now_s - heard_s >= timeout_s):
                break
            else:
                time.sleep(poll_s)
        yield stream.finish()
    finally:
        source.close()
