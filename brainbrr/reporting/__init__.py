"""What a reader sees of a result: the HTML report, its figures, and the tables on the terminal.

    scores.json    -> scoreboard -> score_tables (HTML), table (terminal)
    traces and EEG -> cases -> eeg_figure -> review
    curves         -> figures, graph_figure         all of these -> report.write_report

Figures are SVG (`svg`), drawn once; `raster` turns them into pixels for TensorBoard.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "write_report": "report",
    "select_cases": "cases",
    "published_scores": "scoreboard",
    "curve_figure": "figures",
    "score_table": "table",
}
__all__ = [*_HOMES]  # noqa: PLE0604  the names are those of the lazy table


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'brainbrr.reporting' has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
