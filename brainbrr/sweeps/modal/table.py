"""Jobs of a sweep as tables for a terminal."""

from collections.abc import Sequence

from rich.table import Table

from brainbrr.sweeps.modal.prices import HOUR_S
from brainbrr.sweeps.modal.sweep import Job

COLOURS = {"finished": "green", "running": "cyan", "unsent": "dim"}


def jobs_table(jobs: Sequence[Job]) -> Table:
    """Number, overrides, state, expected and real time and cost, call."""
    table = Table("job", "overrides", "state", "expected", "took", "USD", "call")
    for job in jobs:
        colour = COLOURS.get(job.state, "red")
        expected = "?" if job.expected_hours is None else f"{job.expected_hours:.2f} h"
        took = "" if job.outcome is None else _time(job.outcome.seconds)
        cost = (
            f"≤ {job.record.reserved_usd:.2f}"
            if job.record.is_open
            else f"{job.record.spent_usd:.2f}"
        )
        table.add_row(
            str(job.cell.number),
            " ".join(job.cell.overrides),
            f"[{colour}]{job.state}[/{colour}]",
            expected,
            took,
            cost,
            job.record.call_id,
        )
    spent = sum(job.record.spent_usd for job in jobs)
    expected_usd = sum(job.expected_usd for job in jobs)
    unknown = sum(job.expected_hours is None for job in jobs)
    table.caption = f"expected {expected_usd:.2f} USD, spent {spent:.2f} USD"
    if unknown:
        table.caption += f"; {unknown} without estimate (sweep.step_s, sweep.hours_per_job)"
    return table


def _time(seconds: float) -> str:
    return f"{seconds / HOUR_S:.2f} h" if seconds > HOUR_S else f"{seconds:.0f} s"
