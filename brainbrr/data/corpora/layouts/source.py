"""One recording as a corpus lists it, and why it may be refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from brainbrr.errors import BrainbrrError
from brainbrr.events.event import Event


class UnreadableLabels(BrainbrrError):
    """A label file that cannot be parsed."""


class UnreadableSource(BrainbrrError):
    """A recording that cannot be opened."""


Labels = tuple[tuple[Event, ...] | None, float | None]
"""Seizures, and the length of the recording if its labels state one; see `Source`."""


@dataclass(frozen=True)
class Source:
    """One recording in a corpus: its file, its subject and its labels.

    Attributes:
        recording_id: unique within the corpus; names the file in the cache.
        path: the recording's file.
        subject: the person; one name for all recordings of a person.
        session: the corpus's own session, or ``.
        split: `train`, `val`, `test`, or `` if the corpus has no split of its own.
        events: the labelled seizures; an empty tuple is a recording labelled as free of seizures,
            None one without labels.
        stated_duration_s: length of the recording according to its labels, to check them against
            the signal.
        refusal: why the labels cannot be used; the recording is quarantined with this reason.
    """

    recording_id: str
    path: Path
    subject: str
    session: str = ""
    split: str = ""
    events: tuple[Event, ...] | None = None
    stated_duration_s: float | None = None
    refusal: BrainbrrError | None = None

    def labelled(self, read: Callable[[], Labels]) -> "Source":
        """Return it with the labels that `read` gives, or with the error that it raises."""
        try:
            events, stated_duration_s = read()
        except BrainbrrError as error:
            return replace(self, refusal=error)
        return replace(self, events=events, stated_duration_s=stated_duration_s)

    @property
    def has_seizures(self) -> bool:
        """Whether the labels name at least one seizure."""
        return any(event.is_seizure for event in self.events or ())
