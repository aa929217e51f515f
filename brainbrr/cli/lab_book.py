"""The lab book's results: one row a run, appended to the experiment's own table."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainbrr.atomic_io import atomic_write

LAB_BOOK = Path("experiments")


def add_result(name: str | None, row: Mapping[str, object], lab_book: Path = LAB_BOOK) -> None:
    """Append a row to `experiments/NAME/results.csv` where that folder exists.

    Columns that earlier rows lack are added; those that this row lacks stay empty.
    """
    folder = lab_book / name if name else None
    if folder is None or not folder.is_dir():
        return
    table = folder / "results.csv"
    rows: list[Mapping[str, object]] = []
    if table.exists():
        rows.extend(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    rows.append(row)
    columns = list(dict.fromkeys(column for each in rows for column in each))
    with atomic_write(table) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


def result_row(
    scores: Mapping[str, Any], baselines: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, object]:
    """One line of a results table: what was run, and the event score with its interval."""
    event = scores["szcore"]["event"]["subject_mean"]
    interval = scores.get("intervals_95", {}).get("szcore", {}).get("event", {})
    low, high = interval.get("subject_mean", {}).get("f1") or (None, None)
    return {
        **{key: about[key] for key in ("version", "commit", "config_digest", "seed", "corpus")},
        "event_f1": event["f1"],
        "event_f1_low": low,
        "event_f1_high": high,
        "event_sensitivity": event["sensitivity"],
        "fp_per_day": event["fp_per_day"],
        **{
            f"{name}_event_f1": other["szcore"]["event"]["subject_mean"]["f1"]
            for name, other in baselines.items()
        },
    }
