"""The logs of a run that is resumed: metrics as one CSV file, and TensorBoard's curves.

Both are rewound to the step of the checkpoint, so that each step appears once.
"""

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from brainbrr.atomic_io import atomic_write

COLUMNS = ("step", "name", "value")


class MetricsFile(Logger):
    """Appends `step,name,value` rows, for a spreadsheet or a shell; a resumed run drops the rows
    after the step it starts from.

    Args:
        path: the file, e.g. `metrics.csv`.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.path = Path(path)

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return self.path.stem

    @property
    def version(self) -> str:
        """Return an empty version: a run has one file."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """Ignore them: the configuration is stored next to the file."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append the metrics of a step; each row is written when this returns."""
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
        """Drop all rows after a step: the run that is resumed there writes them again."""
        if not self.path.exists():
            return
        rows = [row for row in read_metrics(self.path) if row[0] <= step]
        with atomic_write(self.path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([COLUMNS, *((at, name, repr(value)) for at, name, value in rows)])


def read_metrics(path: Path) -> list[tuple[int, str, float]]:
    """Read the rows of a metrics file; a last line truncated by a crash is ignored."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == len(COLUMNS)][1:]
    return [(int(step), name, float(value)) for step, name, value in rows if value]


@rank_zero_only
def purge_curves(board: TensorBoardLogger, step: int) -> None:
    """Hide the points after a step: the run that is resumed there draws them again.

    Writes the event that `purge_step` of a `SummaryWriter` writes, for a logger that was built
    before the step was known.
    """
    start = Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))
    board.experiment.file_writer.add_event(start, step + 1)
    board.experiment.flush()
