"""Where jobs run, as far as a sweep needs to know; Modal is one such place."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Outcome:
    """How a call ended.

    Attributes:
        state: finished, failed, out_of_budget, duplicate, crashed, timed_out, cancelled or expired.
        seconds: of a container's time, over all its attempts.
        detail: the last words, or the error.
        call_id: of the call that has the job, where this one was a duplicate.
        files: small files of the run folder, by name.
        left_out: files of the run folder that were too large.
    """

    state: str
    seconds: float = 0.0
    exit_code: int | None = None
    detail: str = ""
    call_id: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


class Sender(Protocol):
    """A place that is ready to take jobs."""

    app_id: str

    def spawn(self, command: str, request: Mapping[str, Any]) -> str:
        """Send a job; the id of its call, which outlives this process."""
        ...


class Platform(Protocol):
    """A place where jobs run."""

    def ready(self) -> AbstractContextManager[Sender]:
        """Make everything that jobs need, and take them while the block runs."""
        ...

    def poll(self, call_id: str) -> Outcome | None:
        """How a call ended, or None while it has not."""
        ...

    def cancel(self, call_id: str) -> None:
        """End a call; its run folder stays."""
        ...
