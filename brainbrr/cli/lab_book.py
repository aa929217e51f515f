"""The lab book's results: one row a run, appended to the experiment's own table."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from brainbrr.durable import open_durable

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
    with open_durable(table) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
