"""The ledger of what was sent: one line per event, on disk before anything depends on it."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from brainbrr.errors import InvalidFile

log = logging.getLogger(__name__)

OPEN, SUBMITTING, UNSENT = "sent", "sending", "unsent"


@dataclass(frozen=True)
class Record:
    """What the ledger knows of one job.

    Attributes:
        key: of the job.
        state: `unsent`; `sending`, if the client died before it got the call's id; `sent`; or how
            the job ended.
        attempt: how often it was sent again after an end, from 0.
        call_id: of the call that runs it.
        reserved_usd: the most that the current attempt may cost.
        spent_usd: what ended attempts have cost.
    """

    key: str
    state: str = UNSENT
    attempt: int = 0
    call_id: str = ""
    app_id: str = ""
    reserved_usd: float = 0.0
    spent_usd: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a call may be running."""
        return self.state in {OPEN, SUBMITTING}


class Ledger:
    """A file of JSON lines that is only ever appended to.

    Args:
        path: the file; made when first written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def append(self, event: str, key: str, **facts: Any) -> None:
        """Add a line; it is on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"event": event, "cell": key, **facts}) + "\n"
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            # The size after opening to append: another launch may have written since this one read.
            size = os.fstat(handle).st_size
            # Ends a line that a crash cut short, so that this one can be read.
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, (b"\n" if torn else b"") + line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def events(self) -> list[dict[str, Any]]:
        """Read the complete lines, in order; skip lines cut short by a crash.

        Raises:
            InvalidFile: a line is not an event.
        """
        if not self.path.exists():
            return []
        events = []
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                log.warning("%s, line %d was cut short by a crash", self.path, number)
                continue
            if not isinstance(event, dict) or not {"event", "cell"} <= event.keys():
                raise InvalidFile(
                    "events with a cell",
                    f"line {number} of {self.path}",
                    "Move the file away; finished jobs are found again on the volume.",
                )
            events.append(event)
        return events

    def records(self) -> dict[str, Record]:
        """Return what is known of each job, by replaying the events."""
        records: dict[str, Record] = {}
        for event in self.events():
            key = event["cell"]
            records[key] = _after(records.get(key, Record(key)), event)
        return records

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the ledger against other launches; the lock ends with its process."""
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
    if kind == SUBMITTING:
        return replace(
            record, state=SUBMITTING, attempt=event["attempt"], reserved_usd=event["reserved_usd"]
        )
    if kind == OPEN:
        return replace(record, state=OPEN, call_id=event["call_id"], app_id=event["app_id"])
    if kind == "expired":
        return replace(record, state=kind)
    # Of two launches that follow one job, only the first one's end counts.
    if record.is_open and kind == "ended":
        return replace(
            record,
            state=event["state"],
            reserved_usd=0.0,
            spent_usd=record.spent_usd + event["usd"],
        )
    return record
