"""Every logged number in one plain file that a spreadsheet or a shell can read."""

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from brainbrr.atomic_io import atomic_write

COLUMNS = ("step", "name", "value")


class MetricsFile(Logger):
    """Appends `step,name,value` rows; a resumed run drops the rows that lie behind the step it
    starts from.

    Args:
        path: the file, e.g. `metrics.csv`.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.stem

    @property
    def version(self) -> str:
        """None is kept: a run has one file."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Nothing: the configuration lies beside the file."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append the metrics of a step; each row is on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(COLUMNS)
            for name, value in metrics.items():
                if name != "epoch":
                    writer.writerow([step, name, repr(float(value))])

    @rank_zero_only
    def rewind(self, step: int) -> None:
        """Drop all rows behind a step: the run that is continued there writes them again."""
        if not self.path.exists():
            return
        kept = [row for row in read_metrics(self.path) if row[0] <= step]
        with atomic_write(self.path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS, *((at, name, repr(value)) for at, name, value in kept)])


def read_metrics(path: Path) -> list[tuple[int, str, float]]:
    """The rows of a metrics file; a last line that was cut short by a crash is left out."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS)][1:]
    return [(int(step), name, float(value)) for step, name, value in rows if value]
