"""The display of `brainbrr watch`: a status line, and a line per alarm and event."""

from collections.abc import Sequence
from types import TracebackType

from rich.live import Live
from rich.text import Text

from brainbrr.cli.terminal import results_console
from brainbrr.events.event import Event
from brainbrr.streaming.detector_stream import DetectorStream, StreamUpdate

_BAR = 20
_STYLES = {"seizure": "bold red", "no signal": "yellow", "waiting": "dim", "background": "green"}


def clock(time_s: float) -> str:
    """Format seconds as hours, minutes and seconds."""
    total_s = int(time_s)
    return f"{total_s // 3600:02d}:{total_s // 60 % 60:02d}:{total_s % 60:02d}"


class WatchDisplay:
    """Print alarms and events to standard output, and on a terminal a status line below them.

    Args:
        stream: the stream that is shown.
        resumes_s: end of the table that is resumed; alarms and events before it are not repeated.
    """

    def __init__(self, stream: DetectorStream, *, resumes_s: float) -> None:
        self._stream, self._resumes_s = stream, resumes_s
        self._console = results_console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._level = 0.0
        self._alarmed_until_s = -1.0

    def __enter__(self) -> "WatchDisplay":
        stream = self._stream
        self._console.print(
            f"alarms within {stream.look_latency_s:.1f} s"
            f", events final within {stream.event_latency_s:.1f} s of their end"
            + (f"; mains detected in the first {stream.settling_s:g} s" * (stream.settling_s > 0))
        )
        if self._resumes_s:
            self._console.print(f"resuming after {clock(self._resumes_s)}")
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, update: StreamUpdate) -> None:
        """Print new alarms and events."""
        for event in update.suspected:
            if event.onset_s > self._alarmed_until_s and update.time_s >= self._resumes_s:
                self._print(f"alarm    {clock(event.onset_s)}  seizure suspected")
            self._alarmed_until_s = max(self._alarmed_until_s, event.offset_s)
        if update.time_s >= self._resumes_s:
            for event in update.events:
                names = f"  {', '.join(event.channels)}" if event.channels else ""
                self._print(
                    f"seizure  {clock(event.onset_s)} to {clock(event.offset_s)}"
                    f"  confidence {event.confidence or 0.0:.2f}{names}"
                )
        if update.provisional is not None and update.provisional.probability.size:
            self._level = float(update.provisional.probability[-16:].max())
        if self._console.is_terminal:
            self._live.update(self._line(update), refresh=True)

    def summary(self, events: Sequence[Event], output: str | None) -> None:
        """Print the last line."""
        target = f", written to {output}" if output else ""
        self._print(f"{clock(self._stream.time_s)} read, {len(events)} events{target}")

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False)

    def _line(self, update: StreamUpdate) -> Text:
        filled = round(self._level * _BAR)
        style = _STYLES[update.state]
        since = f" since {clock(update.suspected[-1].onset_s)}" * (update.state == "seizure")
        return Text.assemble(
            (clock(update.time_s), "bold"),
            "  ",
            ("█" * filled, style),
            ("░" * (_BAR - filled), "dim"),
            f" {self._level:.2f}  ",
            (update.state + since, style),
            f"  {update.n_electrodes} electrodes",
            (f"  scored up to {clock(update.scored_s)}", "dim"),
        )
