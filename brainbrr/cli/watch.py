"""`brainbrr watch`: live seizure detection."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from omegaconf import DictConfig

from brainbrr.cli.device import use_profile
from brainbrr.cli.watch_display import WatchDisplay
from brainbrr.export.load import load_detector
from brainbrr.streaming.detector_stream import open_stream
from brainbrr.streaming.edf_source import await_edf
from brainbrr.streaming.event_table import EventTable
from brainbrr.streaming.lsl_source import LslInlet
from brainbrr.streaming.source import LiveSource, listen

LSL = "lsl:"


def run(cfg: DictConfig) -> None:
    """Read `input` until it times out or Ctrl-C, then complete the table."""
    detector = load_detector(cfg.detector, device=use_profile(cfg))
    source = _open(cfg)
    stream = open_stream(
        detector,
        source.labels,
        source.rate_hz,
        unit=source.unit,
        hop_s=cfg.hop_s,
        settle_s=cfg.settle_s,
        mains=cfg.mains,
        evidence=cfg.evidence,
    )
    table = EventTable(Path(cfg.output) if cfg.output else None, stream.event_latency_s)
    with stop_signals() as stopped:
        updates = listen(
            stream,
            source,
            follow=cfg.follow,
            timeout_s=cfg.timeout_s,
            poll_s=cfg.poll_s,
            stopped=stopped,
        )
        with WatchDisplay(stream, resumes_s=table.resumes_s) as display:
            for update in updates:
                table.add(update, source.start)
                display.show(update)
        display.summary(table.events, cfg.output)


def _open(cfg: DictConfig) -> LiveSource:
    name = str(cfg.input)
    if name.startswith(LSL):
        return LslInlet(
            name.removeprefix(LSL), timeout_s=cfg.timeout_s, labels=cfg.labels, unit=cfg.unit
        )
    timeout_s = cfg.timeout_s if cfg.follow else 0.0
    return await_edf(Path(name), timeout_s=timeout_s, poll_s=cfg.poll_s)


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Let SIGINT and SIGTERM set a flag instead of interrupting a computation.

    A second signal interrupts.
    """
    caught: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    previous = {
        number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
