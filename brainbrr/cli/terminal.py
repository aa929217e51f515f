"""Where results are shown."""

from rich.console import Console

PIPED_WIDTH = 120
"""Columns where there is no terminal to ask: tables in a log stay one line a row."""


def results_console() -> Console:
    """Standard output, as wide as the terminal, or wide enough for a table where it is a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)
