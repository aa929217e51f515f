"""What commands show on the terminal: the console of results, progress in EEG hours, tables of a
corpus."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

PIPED_WIDTH = 120
"""Columns without a terminal: a table row in a log stays on one line."""
UNKNOWN_WIDTH = 80
"""Width rich assumes if neither the terminal nor COLUMNS gives one."""
COUNTS = {
    "seizure_types": "seizures by type",
    "seizure_lengths": "seizures by length",
    "references": "recordings by reference",
    "rates_hz": "recordings by rate, Hz",
    "mains_hz": "recordings by mains, Hz",
    "missing_electrodes": "recordings without",
    "interpolated_electrodes": "recordings with, interpolated",
    "quarantined": "quarantined",
}

Advance = Callable[[float, float], None]
Skip = Callable[[bool], None]


def results_console() -> Console:
    """Return standard output, as wide as the terminal, or wide enough for a table in a pipe."""
    console = Console()
    known_width = console.is_terminal or console.width != UNKNOWN_WIDTH
    return console if known_width else Console(width=PIPED_WIDTH)


@contextmanager
def eeg_progress(n_recordings: int) -> Iterator[tuple[Advance, Skip]]:
    """Show a progress bar on standard error, with the speed in hours of EEG per second.

    Yields:
        `advance(recordings, seconds)`, called with fractions of recordings and their seconds of
        EEG; and `skip(true)` for a recording that needs no computing.
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
            per_s = eeg_s / 3600 / max(time.monotonic() - started_s, 1e-3)
            speed = f"{eeg_s / 3600:.1f} h of EEG, {per_s:.3g} h/s"
            bar.update(task, advance=recordings, speed=speed)

        def skip(skipped: bool) -> None:
            bar.update(task, advance=float(skipped))

        yield advance, skip


def corpus_tables(name: str, summary: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a corpus summary: splits, then all other counts.

    Splits are columns and counts are rows, so that a narrow terminal cuts no heading.
    """
    counted = summary["splits"]
    splits = Table("", title=name, title_justify="left")
    for split in counted:
        splits.add_column(split, justify="right")
    for key in counted["all"]:
        splits.add_row(
            key.replace("_", " "), *(_number(counts[key]) for counts in counted.values())
        )
    others = Table("what", "how many", show_header=False, title_justify="left")
    for key, title in COUNTS.items():
        if summary[key]:
            counts = ", ".join(f"{kind} {count}" for kind, count in summary[key].items())
            others.add_row(title, counts)
    return [splits, others]


def _number(value: float) -> str:
    return f"{value:.1f}" if isinstance(value, float) else f"{value}"
