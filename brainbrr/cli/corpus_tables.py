"""A corpus in numbers, as tables on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

_COUNTS = {
    "seizure_types": "seizures by type",
    "seizure_lengths": "seizures by length",
    "references": "recordings by reference",
    "rates_hz": "recordings by rate, Hz",
    "mains_hz": "recordings by mains, Hz",
    "missing_electrodes": "recordings without",
    "interpolated_electrodes": "recordings with, interpolated",
    "quarantined": "quarantined",
}


def corpus_tables(name: str, summary: Mapping[str, Any]) -> list[Table]:
    """The tables of `brainbrr.data.summary.summarise`: splits, then all other counts."""
    columns = list(summary["splits"]["all"])
    splits = Table("split", title=name, title_justify="left")
    for column in columns:
        splits.add_column(column.replace("_", " "), justify="right")
    for split, counts in summary["splits"].items():
        splits.add_row(split, *(_number(counts[column]) for column in columns))
    others = Table("what", "how many", show_header=False, title_justify="left")
    for key, title in _COUNTS.items():
        if summary[key]:
            told = ", ".join(f"{kind} {count}" for kind, count in summary[key].items())
            others.add_row(title, told)
    return [splits, others]


def _number(value: float) -> str:
    return f"{value:.1f}" if isinstance(value, float) else f"{value}"
