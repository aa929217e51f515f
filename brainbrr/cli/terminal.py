"""Where results are shown."""

from rich.console import Console

PIPED_WIDTH = 120
"""Columns where there is no terminal to ask: tables in a log stay one line a row."""
UNKNOWN_WIDTH = 80
"""What rich takes where neither a terminal nor COLUMNS says."""


def results_console() -> Console:
    """Standard output, as wide as the terminal, or wide enough for a table where it is a pipe."""
    console = Console()
    told_width = console.is_terminal or console.width != UNKNOWN_WIDTH
    return console if told_width else Console(width=PIPED_WIDTH)
