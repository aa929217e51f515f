"""A progress bar that says how much EEG goes through a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[float, float], None]
Skip = Callable[[bool], None]


@contextmanager
def eeg_progress(n_recordings: int) -> Iterator[tuple[Advance, Skip]]:
    """A bar on the standard error stream.

    Yields:
        `advance(recordings, seconds)`, told fractions of recordings and their seconds of EEG; and
        `skip(true)` for a recording that needs no computing.
    """
    columns = (
        TextColumn("annotating"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} % of {task.total}, {task.fields[speed]}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    started_s, eeg_s = time.monotonic(), 0.0
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=n_recordings, speed="0 h of EEG")

        def advance(recordings: float, seconds: float) -> None:
            nonlocal eeg_s
            eeg_s += seconds
            bar.update(task, advance=recordings, speed=_speed(eeg_s, time.monotonic() - started_s))

        def skip(skipped: bool) -> None:
            bar.update(task, advance=float(skipped))

        yield advance, skip


def _speed(eeg_s: float, elapsed_s: float) -> str:
    """Hours of EEG so far and a second, e.g. `12.3 h of EEG, 0.21 h/s`."""
    return f"{eeg_s / 3600:.1f} h of EEG, {eeg_s / 3600 / max(elapsed_s, 1e-3):.3g} h/s"
