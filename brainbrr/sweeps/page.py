"""A sweep's table as a CSV file and as a page with its plot."""

import csv
from collections.abc import Sequence
from pathlib import Path

import brainbrr
from brainbrr.atomic_io import atomic_write
from brainbrr.reporting.markup import Html, fill, join, template
from brainbrr.sweeps.parallel_coordinates import parallel_coordinates
from brainbrr.sweeps.runs_table import SweepRun, Value, varied_options

NOTE = (
    "Sorted by the validation metric: choose options by it. A test score that chose the best of "
    "many runs is biased upward."
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title><style>$css
.run:hover { stroke-width: 5 } .tick { font-size: 10px }</style></head>
<body><header><h1>$title</h1><p>$counts</p><p class="quiet">$note</p></header>
<div class="scroll">$figure</div>
<div class="scroll"><table><thead><tr>$head</tr></thead><tbody>$body</tbody></table></div>
<footer>brainbrr $version. For research; not a medical device.</footer></body></html>
"""


def count_states(runs: Sequence[SweepRun]) -> str:
    """Describe how many runs ended how."""
    states = [run.state for run in runs]
    parts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    return f"{len(runs)} runs: {', '.join(parts)}"


def sweep_columns(runs: Sequence[SweepRun], metric: str) -> dict[str, list[Value]]:
    """Tabulate the runs, column by column, in their order.

    Args:
        metric: name of the runs' test score.
    """
    monitor = next((run.monitor for run in runs if run.monitor), None) or "validation"
    return {
        "run": [run.name for run in runs],
        **varied_options(runs),
        monitor: [run.validation for run in runs],
        metric: [run.test.value for run in runs],
        "low_95": [run.test.low for run in runs],
        "high_95": [run.test.high for run in runs],
        "state": [run.state for run in runs],
        "seconds": [run.seconds for run in runs],
        "error": [run.error for run in runs],
    }


def write_sweep_csv(path: Path, columns: dict[str, list[Value]]) -> None:
    """Write one row per run; unknown values stay empty."""
    with atomic_write(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            ["" if value is None else value for value in row]
            for row in zip(*columns.values(), strict=True)
        )


def write_sweep_page(
    path: Path, runs: Sequence[SweepRun], columns: dict[str, list[Value]], title: str
) -> None:
    """Write plot and table into one file that needs neither network nor server."""
    monitor = next((run.monitor for run in runs if run.monitor), None) or "validation"
    rows = (
        fill(
            "<tr>$cells</tr>",
            cells=join(fill("<td>$v</td>", v=format_value(value)) for value in row),
        )
        for row in zip(*columns.values(), strict=True)
    )
    page = fill(
        PAGE,
        title=title,
        css=Html(template("report.css")),
        counts=count_states(runs),
        note=NOTE,
        figure=parallel_coordinates(runs, monitor),
        head=join(fill("<th>$name</th>", name=name) for name in columns),
        body=join(rows, "\n"),
        version=brainbrr.__version__,
    )
    with atomic_write(path) as file:
        file.write(page)


def format_value(value: Value) -> str:
    """Format a value with four digits, or as a dash if there is none."""
    if value is None:
        return "\u2013"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
