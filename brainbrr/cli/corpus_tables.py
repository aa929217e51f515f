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
    """The tables of `brainbrr.data.corpora.summary.summarize`: splits, then all other counts.

    Splits stand side by side and what is counted below one another, so that a narrow terminal cuts
    no heading off.
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
    for key, title in _COUNTS.items():
        if summary[key]:
            told = ", ".join(f"{kind} {count}" for kind, count in summary[key].items())
            others.add_row(title, told)
    return [splits, others]


def _number(value: float) -> str:
    return f"{value:.1f}" if isinstance(value, float) else f"{value}"
