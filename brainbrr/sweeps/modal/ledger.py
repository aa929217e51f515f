"""The ledger of what was sent: one line an event, on disk before anything depends on it."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brainbrr.errors import BrainbrrError

log = logging.getLogger(__name__)

OPEN, UNSURE, UNSENT = "sent", "sending", "unsent"


class LedgerBroken(BrainbrrError):
    """A line of the ledger that cannot be read, before its end."""


@dataclass(frozen=True)
class Record:
    """What the ledger knows of one cell.

    Attributes:
        cell: its key.
        state: `unsent`; `sending`, where the client died before it heard; `sent`; or how it ended.
        attempt: how often it was sent anew after an end, from 0.
        call_id: of the call that runs it.
        reserved_usd: the most that the attempt under way may cost.
        spent_usd: what ended attempts have cost.
    """

    cell: str
    state: str = UNSENT
    attempt: int = 0
    call_id: str = ""
    app_id: str = ""
    reserved_usd: float = 0.0
    spent_usd: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a call may be running."""
        return self.state in {OPEN, UNSURE}


class Ledger:
    """A file of JSON lines that is only ever appended to.

    Args:
        path: the file; made when first written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def append(self, event: str, cell: str, **facts: Any) -> None:
        """Add a line; it is on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"event": event, "cell": cell, **facts}) + "\n"
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(handle).st_size
            # A line that a crash cut short is ended, so that this one stands alone.
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (b"\n" if torn else b"") + line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def events(self) -> list[dict[str, Any]]:
        """Every line that is whole, in order; a line cut short by a crash is left out.

        Raises:
            LedgerBroken: a line that is no event.
        """
        if not self.path.exists():
            return []
        found = []
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                log.warning("%s, line %d was cut short by a crash", self.path, number)
                continue
            if not isinstance(event, dict) or not {"event", "cell"} <= event.keys():
                raise LedgerBroken(
                    "events with a cell",
                    f"line {number} of {self.path}",
                    "Move the file away; finished jobs are found again on the volume.",
                )
            found.append(event)
        return found

    def records(self) -> dict[str, Record]:
        """What is known of each cell, by replaying the events."""
        found: dict[str, Record] = {}
        for event in self.events():
            cell = event["cell"]
            found[cell] = _after(found.get(cell, Record(cell)), event)
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the ledger against other launches; the operating system drops it with its
        process."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.warning("Another launch is sending its jobs: waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _after(record: Record, event: dict[str, Any]) -> Record:
    kind = event["event"]
    if kind == UNSURE:
        return replace(
            record, state=UNSURE, attempt=event["attempt"], reserved_usd=event["reserved_usd"]
        )
    if kind == OPEN:
        return replace(record, state=OPEN, call_id=event["call_id"], app_id=event["app_id"])
    if kind == "expired":
        return replace(record, state=kind)
    if record.is_open and kind == "ended":
        return replace(
            record,
            state=event["state"],
            reserved_usd=0.0,
            spent_usd=record.spent_usd + event["usd"],
        )
    return record
