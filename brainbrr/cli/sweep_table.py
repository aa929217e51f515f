"""`brainbrr sweep-table FOLDER`: all runs below a folder in one table and one picture."""

from pathlib import Path

from omegaconf import DictConfig
from rich.table import Table

from brainbrr.cli.terminal import results_console
from brainbrr.sweeps.page import (
    count_states,
    format_value,
    sweep_columns,
    write_sweep_csv,
    write_sweep_page,
)
from brainbrr.sweeps.runs_table import Value, read_sweep


def run(cfg: DictConfig) -> None:
    """Read the runs, show the best on the terminal, write all of them."""
    folder = Path(cfg.folder)
    runs = read_sweep(folder, cfg.metric)
    columns = sweep_columns(runs, cfg.metric)
    output = Path(cfg.output) if cfg.output else folder
    write_sweep_csv(output / "sweep.csv", columns)
    write_sweep_page(output / "sweep.html", runs, columns, f"Sweep {folder.name}")
    console = results_console()
    console.print(_table(columns, cfg.rows))
    hidden = len(runs) - cfg.rows
    for each in runs:
        if each.error:
            console.print(f"run {each.name} failed: {each.error}", soft_wrap=True, style="yellow")
    rest = f"; {hidden} more in the files" if hidden > 0 else ""
    console.print(f"{count_states(runs)}{rest}")
    console.print(f"{output / 'sweep.csv'}  {output / 'sweep.html'}", soft_wrap=True)


def _table(columns: dict[str, list[Value]], n_rows: int) -> Table:
    """Tabulate the first rows: test score and interval in one cell, no empty columns."""
    shorter = {key: values for key, values in columns.items() if any(v is not None for v in values)}
    lows, highs = shorter.pop("low_95", None), shorter.pop("high_95", None)
    shorter.pop("error", None)
    cells = {
        name: [format_value(value) for value in values[:n_rows]] for name, values in shorter.items()
    }
    metric = list(columns)[list(columns).index("low_95") - 1]
    if lows and highs and metric in cells:
        intervals = [
            f" ({format_value(low)}\u2013{format_value(high)})" if low is not None else ""
            for low, high in zip(lows, highs, strict=True)
        ]
        cells[metric] = [
            value + part for value, part in zip(cells[metric], intervals, strict=False)
        ]
    table = Table(*_headings(list(cells), metric))
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    return table


def _headings(names: list[str], metric: str) -> list[str]:
    """Shorten each name to its last part, if no other column has it."""
    last = [name.rsplit(".", 1)[-1] for name in names]
    return [
        f"test {short}" if name == metric else short if last.count(short) == 1 else name
        for name, short in zip(names, last, strict=True)
    ]
